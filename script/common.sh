# Shared by the scripts beside it: finds Python, makes the environment in var/venv, keeps it up to date.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/var/venv"
cd "$root"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

find_python() {
    local name
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if command -v "$name" >/dev/null 2>&1 \
            && "$name" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "Model Desk needs Python 3.11, 3.12 or 3.13, and found none of them. Install one, or set PYTHON to its path."
}

check_platform() {
    case "$(uname -s)/$(uname -m)" in
        Linux/x86_64 | Linux/aarch64 | Linux/arm64 | Darwin/x86_64 | Darwin/arm64) ;;
        *) fail "Model Desk runs on Linux and macOS (x86-64 or ARM64); this is $(uname -s) on $(uname -m)." ;;
    esac
}

# The environment is right when its stamp holds what would be installed now.
fingerprint() { cat "$@" | cksum; printf '%s\n' "$root"; }

make_venv() {
    local python
    python="$(find_python)"
    say "Making the environment in var/venv with $("$python" --version 2>&1) ..."
    "$python" -c 'import venv, ensurepip' 2>/dev/null \
        || fail "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"
    rm -rf "$venv"
    mkdir -p "$root/var"
    "$python" -m venv "$venv" || fail "The environment could not be made in var/venv."
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv \
        || fail "pip could not install uv. Is the Python package index reachable from here?"
}

install_requirements() { # file
    say "Installing $1 (the first time takes a minute or two) ..."
    "$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" -r "$1" \
        || fail "The packages in $1 could not be installed; the reason is above."
}

# setup runtime|development: fast when nothing changed. Packages for development include those of the site,
# so either stamp is good enough for running it.
setup() {
    local files=(requirements.txt) stamp="$venv/.runtime" lock="$root/var/setup.lock"
    [ "$1" = runtime ] || { files+=(requirements-dev.txt); stamp="$venv/.development"; }
    local wanted
    wanted="$(fingerprint "${files[@]}")"
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    check_platform
    mkdir -p "$root/var"
    exec 9>"$lock"
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        # A checkout that was moved or copied carries an environment that points at the old place.
        if [ ! -x "$venv/bin/uv" ] || [ "$(sed -n 2p "$venv/.place" 2>/dev/null)" != "$root" ]; then
            make_venv
            printf 'made in\n%s\n' "$root" >"$venv/.place"
        fi
        install_requirements "${files[-1]}"
        printf '%s\n' "$(fingerprint requirements.txt)" >"$venv/.runtime"
        printf '%s\n' "$wanted" >"$stamp"
    fi
    exec 9>&-
}
