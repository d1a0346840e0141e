# Sourced by script/server and script/test: find a Python that is new enough and hand over to it.
# PYTHON names one to use; otherwise the one that .venv was made with, otherwise what the PATH offers.

root=$(cd "$(dirname "$0")/.." && pwd -P)

new_enough() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" && python=$PYTHON
else
    for candidate in "$root/.venv/bin/python" python3 python3.13 python3.12 python3.11 python3.14 python; do
        if new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
fi

if [ -z "$python" ]; then
    if [ -n "${PYTHON:-}" ]; then
        found="PYTHON=$PYTHON is not Python 3.11 or newer"
    else
        found="found $(python3 --version 2>/dev/null || echo 'no Python 3')"
    fi
    echo "holdfast: Python 3.11 or newer is needed ($found). Install it, or name one: PYTHON=/path/to/python3 $0" >&2
    exit 1
fi

export PYTHONPATH="$root/script/lib"
