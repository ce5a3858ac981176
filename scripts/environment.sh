# Sourced by scripts/test and scripts/demo: makes the virtual environment of this checkout, in .venv.
#
# prepare_environment runtime|dev
#
# It is made once, and again when pyproject.toml, constraints.txt or the Python change. An environment for
# development serves the demo too. Needs Python >= 3.11 with venv and pip's access to a package index.
# PYTHON=/path/to/python chooses the interpreter.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv

# What belongs to another environment must not reach into this one.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Sets $python.
find_python() {
    local candidate without_venv='' candidates=(python3 python3.14 python3.13 python3.12 python3.11)
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        is_recent "$candidate" || continue
        if has_venv "$candidate"; then
            python=$candidate
            return
        fi
        without_venv=${without_venv:-$candidate}
    done
    [[ -n $without_venv ]] ||
        fail "no Python 3.11 or newer was found${PYTHON:+ as PYTHON=$PYTHON}; install one (Debian 12 and newer:" \
            "apt-get install python3 python3-venv), or name it: PYTHON=/path/to/python3.11 $0"
    python=$without_venv
    install_venv
}

# Debian keeps the module venv in a package of its own.
install_venv() {
    local version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        say "installing python$version-venv, which $python lacks"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv"; } >&2 || true
    fi
    has_venv "$python" ||
        fail "$python has no module venv; as root: apt-get install python$version-venv (or python3-venv)"
}

prepare_environment() {
    local kind=$1 ours=$venv/gnomon-environment wanted
    find_python
    wanted=$("$python" - "$root" <<'PYTHON'
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
made_of = [repr((str(root), sys.executable, sys.version)).encode()]
made_of += [(root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
print(hashlib.sha256(b"\0".join(made_of)).hexdigest())
PYTHON
    )
    (
        # Two runs at once: the second waits until the first has made the environment.
        ! command -v flock >/dev/null || flock 9
        if [[ ! -f $ours || $(head -n 1 "$ours") != "$wanted" ]] || ! "$venv/bin/python" -c '' 2>/dev/null; then
            [[ -f $ours || ! -e $venv ]] || fail "$venv was not made by this script; move it out of the way"
            rm -rf "$venv" && mkdir "$venv" || fail "cannot make $venv; use a checkout that belongs to $(id -un)"
            : >"$ours"
            "$python" -m venv "$venv"
            printf '%s\n' "$wanted" >"$ours"
        fi
        # A line for each kind that is installed.
        ! grep -qx -e "$kind" -e dev "$ours" || exit 0
        say "setting up $venv (once; a minute or two)"
        pip_install "$kind"
        printf '%s\n' "$kind" >>"$ours"
    ) 9<"$root/scripts"
}

pip_install() {
    local what=$root log=$venv/install.log
    [[ $1 == runtime ]] || what="$root[$1]"
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
        --constraint "$root/constraints.txt" --editable "$what" >"$log" 2>&1 && return
    grep -v '^\(Collecting\|Using cached\|  \)' "$log" | tail -n 40 >&2 || true
    fail "pip could not install Gnomon and what it needs; all that it wrote is in $log"
}
