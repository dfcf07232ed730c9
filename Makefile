# Targets for building, trying and testing analytics; each calls a small script in scripts/.
# PG_CONFIG and DESTDIR are respected by build and install; JOBS limits parallel compilation; ANALYTICS_DASHBOARD=OFF leaves the
# dashboard out, and with it Node.js and npm's registry.

PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config
FUZZ_SECONDS ?= 60
DESTDIR ?=
ANALYTICS_DASHBOARD ?= ON
export PG_CONFIG FUZZ_SECONDS ANALYTICS_DASHBOARD
unexport DESTDIR

suites := format audit unit fuzz regress pgtap isolation portable docs demo tracker dashboard http tap torture
check_targets := $(addprefix check-,$(suites))

.PHONY: build dashboard help demo demo-stop demo-destroy psql install packages packages-tests tree check $(check_targets) \
	torture bench format clean
.NOTPARALLEL:

build: ## build the module and assemble its SQL script (the default)
	@scripts/build.sh release

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F '#' '{ printf "%-22s %s\n", $$1, $$2 }'
	@echo "  make check-SUITE     one suite of: $(suites)"

demo: ## everything from nothing to a shop's figures, in a private cluster
	@scripts/demo.sh start

demo-stop: ## stop the demo's cluster; its data stay
	@scripts/cluster.sh stop demo

demo-destroy: ## stop the demo's cluster and remove its data
	@scripts/cluster.sh destroy demo

psql: ## connect to the demo
	@scripts/cluster.sh psql demo -d demo

install: ## install what 'make' built into the system's PostgreSQL (PG_CONFIG, DESTDIR)
	@scripts/install.sh "$(DESTDIR)$$($(PG_CONFIG) --pkglibdir)" "$(DESTDIR)$$($(PG_CONFIG) --sharedir)"

packages: ## install the Debian packages that are missing for the build and the demo
	@scripts/packages.sh scripts/packages.txt

packages-tests: ## install those that only the tests need, too
	@scripts/packages.sh scripts/packages.txt scripts/packages-tests.txt

dashboard: ## build the dashboard alone, into build/release/dashboard
	@scripts/build.sh release dashboard

tree: build ## the private PostgreSQL installation with the extension in it
	@scripts/tree.sh

check: ## run every test suite, with a summary
	@scripts/check.sh $(suites)

$(check_targets): check-%:
	@scripts/check.sh $*

torture: check-torture ## eight writers, crashes and a ledger kept outside

bench: packages-tests tree ## measure against the performance targets
	@scripts/bench.sh

format: packages-tests ## lay the C++ sources out as .clang-format says
	@find src tests bench demo \( -name '*.cpp' -o -name '*.hpp' \) -print0 | xargs -0 clang-format -i

clean: ## stop this checkout's servers and remove everything built
	@scripts/clean.sh
