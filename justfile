# What a developer does often; `just` lists it. Everything runs in .venv.

python := ".venv/bin/python"

# List the recipes.
default:
    @just --list

# Make the virtual environment, with exactly what dev.lock names.
setup:
    python3 -m venv .venv
    .venv/bin/pip install --quiet --require-hashes -r dev.lock
    .venv/bin/pip install --quiet --no-deps -e .

# Run all that must pass, in an environment of its own.
check:
    .ci/run

# Run the tests on all cores.
test *arguments:
    {{python}} -m pytest {{arguments}}

# Run the tests that failed last, or those of one file, in one process.
fast *arguments:
    {{python}} -m pytest -n 0 --lf -x {{arguments}}

# Check style, types and import contracts.
lint:
    .venv/bin/ruff check
    .venv/bin/ruff format --check
    .venv/bin/mypy
    .venv/bin/lint-imports --no-logo

# Put the code in order.
format:
    .venv/bin/ruff check --fix
    .venv/bin/ruff format

# Write the generated pages anew.
docs:
    {{python}} docs/generate_cli.py
    {{python}} docs/capture_dashboard.py
    {{python}} docs/record_terminal.py

# Build the manual as a site, in site/.
site:
    .venv/bin/mkdocs build --strict

# Measure mq beside others, with the goals.
bench:
    .venv/bin/mq bench --goals

# The same on a quiet machine, into the tables of README.md and docs/performance.md.
publish:
    {{python}} docs/publish_benchmarks.py

# Name the newest versions that fit in dev.lock.
lock:
    uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header \
        --no-emit-index-url --upgrade --quiet --output-file dev.lock
