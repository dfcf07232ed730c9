#!/usr/bin/env python3
"""Carries out a Dockerfile without an engine: steps.py BASE WORK < Dockerfile, as root in the build context.

BASE is a directory that holds a Debian and stands for every image that is not a stage of the file. Each stage becomes a
directory below WORK, the last one WORK/image; what a container of it would be started with is written to WORK/image.json.
It knows what docker/Dockerfile uses and stops at anything else. A RUN has mounts and processes of its own, the machine's
network, and nothing of the caller's environment.
"""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
# what pip and npm read; PyPI and npm are behind another authority where a network looks into what passes
TRUST = {"PIP_CERT": "/.certificates", "NODE_EXTRA_CA_CERTS": "/.certificates"}
INSIDE = 'mount -t proc proc "$0/proc" && cd / && exec chroot "$@"'


def fail(message):
    sys.exit(f"error: {message}\nhint: docker/steps.py says what it knows; teach it, or write the Dockerfile another way.")


def read_steps(text):
    """(instruction, rest) with comments gone and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            instruction, _, rest = line.strip().partition(" ")
            yield instruction, rest.strip()


def copy(source, target):
    subprocess.run(["cp", "-a", "--no-preserve=ownership", str(source), str(target)], check=True)


def make_context(target):
    """What .dockerignore, a list of what is let in, leaves of the current directory."""
    rules = [line for line in pathlib.Path(".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    if rules[0] != "*" or not all(rule.startswith("!/") for rule in rules[1:]):
        fail(".dockerignore is not '*' and then lines of the form '!/PATH'")
    for rule in rules[1:]:
        place = target / rule[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        copy(rule[2:], place)


class Stage:
    def __init__(self, base, root):
        self.root, self.user, self.directory = root, "root", "/"
        self.environment = {"PATH": DEFAULT_PATH}
        self.start = {}
        subprocess.run(["cp", "-a", str(base), str(root)], check=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")

    def run(self, command):
        trusted = self.root / ".certificates"
        if CERTIFICATES.exists():
            shutil.copy(CERTIFICATES, trusted)
        environment = [f"{name}={value}" for name, value in {"HOME": "/root", **(TRUST if trusted.exists() else {}), **self.environment}.items()]
        subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, str(self.root),
                        f"--userspec={self.user}", str(self.root), "env", "-i", *environment,
                        "sh", "-c", f"cd {shlex.quote(self.directory)} && {command}"], check=True, stdin=subprocess.DEVNULL)
        trusted.unlink(missing_ok=True)

    def copy(self, origin, names, target):
        place = self.root / str(pathlib.PurePosixPath(self.directory, target)).lstrip("/")
        for name in names:
            source = origin / name.lstrip("/")
            if source.is_dir():  # its contents
                place.mkdir(parents=True, exist_ok=True)
                copy(f"{source}/.", place)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                copy(source, place)


def main(base, work):
    steps = list(read_steps(sys.stdin.read()))
    last = max(n for n, (instruction, _) in enumerate(steps) if instruction == "FROM")
    context = work / "context"
    make_context(context)
    stages, stage = {}, None
    for number, (instruction, rest) in enumerate(steps):
        print(f"step {number + 1}/{len(steps)}: {instruction} {rest}", flush=True)
        words = shlex.split(rest)
        if instruction == "FROM":
            name = words[2] if words[1:2] == ["AS"] else "image" if number == last else fail("a stage without a name")
            stage = stages[name] = Stage(stages[words[0]].root if words[0] in stages else base, work / name)
        elif instruction == "RUN":
            stage.run(rest)
        elif instruction == "COPY":
            origin = context
            if words[0].startswith("--from="):
                origin = stages[words.pop(0).removeprefix("--from=")].root
            stage.copy(origin, words[:-1], words[-1])
        elif instruction == "WORKDIR":
            stage.directory = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "ENV":
            stage.environment.update(word.split("=", 1) for word in words)
        elif instruction == "USER":
            stage.user = rest
        elif instruction == "HEALTHCHECK":
            stage.start["health"] = json.loads(rest[rest.index("CMD ") + 4:])
        elif instruction == "ENTRYPOINT":
            stage.start["entrypoint"] = json.loads(rest)
        elif instruction not in ("VOLUME", "EXPOSE", "STOPSIGNAL"):
            fail(f"unknown instruction {instruction}")
    start = {**stage.start, "user": stage.user, "environment": [f"{name}={value}" for name, value in stage.environment.items()]}
    (work / "image.json").write_text(json.dumps(start))


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
