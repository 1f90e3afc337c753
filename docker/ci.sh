#!/bin/bash
# Builds the image and plays it, on an engine that it starts where none answers; for CI, as root on a fresh Debian.
#
# An engine of its own lives in a temporary directory and behind a private socket. It sets up no firewall, no forwarding
# and no bridge of its own (the one of compose goes with `down`), so that nothing of it stays on the machine.
# Every line is `ok: WHAT`, `FAILED: WHAT` or `skipped: WHAT: WHY`; the last is `docker: N passed, N failed`.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
image=closewait:local
project=closewait-ci-$$
# Under /tmp whatever TMPDIR says: a socket's path may have 107 bytes.
work=$(mktemp -d /tmp/closewait-docker.XXXXXX)
engine=
passed=0
failed=0

finish() {
    local status=$?
    trap - EXIT
    compose down --volumes >"$work/down.log" 2>&1
    if [ -n "$engine" ]; then
        kill "$engine" 2>"$work/kill.log"
        timeout 30 tail --pid "$engine" --follow /dev/null || kill -KILL "$engine"
        # What a killed engine leaves mounted would keep its directory.
        awk -v dir="$work/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount --lazy
    fi
    rm -rf "$work"
    echo "docker: $passed passed, $failed failed"
    [ "$failed" -eq 0 ] || status=1
    exit "$status"
}

skip() {
    trap - EXIT
    echo "skipped: docker: $1"
    rm -rf "$work"
    echo "docker: 0 passed, 0 failed"
    exit 0
}

# step WHAT SECONDS COMMAND...: runs it, and shows what it printed when it fails.
step() {
    local what=$1 seconds=$2
    shift 2
    if timeout "$seconds" "$@" >"$work/step.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        local status=$?
        failed=$((failed + 1))
        echo "FAILED: $what (exit $status)"
        tail -n 60 "$work/step.log" | sed 's/^/    /'
        return 1
    fi
}

engine_answers() {
    timeout 10 docker info >"$work/info.log" 2>&1
}

compose() {
    timeout 120 docker-compose --ansi never -f "$here/compose.embedded.yaml" -p "$project" "$@"
}

install_packages() {
    local missing=()
    command -v docker-compose >/dev/null || missing+=(docker-compose)
    command -v docker >/dev/null && { engine_answers || command -v dockerd >/dev/null; } || missing+=(docker.io)
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || skip "${missing[*]} must be installed, and only root may"
    command -v apt-get >/dev/null || skip "${missing[*]} must be installed, and there is no apt-get"
    # dockerd needs apparmor_parser where the kernel has AppArmor; Debian only recommends it.
    [ -e /sys/kernel/security/apparmor ] && missing+=(apparmor)
    export DEBIAN_FRONTEND=noninteractive
    timeout 300 apt-get update >"$work/apt.log" 2>&1
    timeout 600 apt-get install -y --no-install-recommends "${missing[@]}" >>"$work/apt.log" 2>&1 && return
    tail -n 20 "$work/apt.log"
    skip "apt-get install ${missing[*]} failed"
}

start_engine() {
    engine_answers && return
    [ "$(id -u)" -eq 0 ] || skip "no engine answers, and only root may start one"
    export DOCKER_HOST=unix://$work/docker.sock
    # Dies with this script, however that dies.
    setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" \
        --pidfile "$work/docker.pid" --bridge none --iptables=false --ip6tables=false --ip-forward=false \
        --ip-masq=false --userland-proxy=false >"$work/dockerd.log" 2>&1 &
    engine=$!
    for _ in $(seq 60); do
        engine_answers && return
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.5
    done
    echo "FAILED: an engine starts"
    tail -n 20 "$work/dockerd.log" | sed 's/^/    /'
    failed=1
    exit
}

# judge FILE EXPRESSION...: each a Python expression over `run` (the summary, or a check) and `arm` (its arms by name).
judge() {
    python3 - "$@" <<'PYTHON'
import json, sys
run = json.load(open(sys.argv[1]))
arm = {it["name"]: it for it in run.get("arms", [])}
wrong = [text for text in sys.argv[2:] if not eval(text)]
if wrong:
    print(json.dumps(run), flush=True)
    sys.exit("does not hold: " + "; ".join(wrong))
PYTHON
}

# The verdict of two containers: the exit code, then the kept summary.
two_machines() {
    compose up --exit-code-from harness || return
    docker cp "$(compose ps -q harness):/results/exhaust/summary.json" "$work/exhaust.json" || return
    judge "$work/exhaust.json" 'run["passed"]' 'run["complete"]' 'len(run["expectations"]) == 9' \
        'all(it["target"] == "server:1433" and it["sandbox"] == "none" for it in arm.values())' \
        'arm["leaky"]["ephemeral_ports"] == {"low": 40000, "high": 40999, "count": 1000}' \
        'arm["leaky"]["ports"]["exhausted"] and not arm["orderly"]["ports"]["exhausted"]' \
        'set(arm["leaky"]["outcomes"]) == {"login_rejected", "ports_exhausted"}' \
        'arm["leaky"]["outcomes"]["login_rejected"] == arm["leaky"]["sockets"]["client"]["close_wait"]["final"]' \
        'arm["orderly"]["outcomes"] == {"login_rejected": 1500}'
}

# The same expectations must fail when every arm closes: exit code 1, and no other one.
verdict_can_fail() {
    cat >"$work/closing.yaml" <<'YAML'
services: { harness: { command: [run, /exhaust.toml, --allow-remote, --max-held, "2000", --close, orderly, --rate, 1000/s] } }
YAML
    compose -f "$work/closing.yaml" up --exit-code-from harness
    [ $? -eq 1 ]
}

# Docker's default seccomp profile forbids unshare: no namespaces, a port range instead, and it says so.
without_namespaces() {
    docker run --rm --init "$image" run --json - >"$work/fallback.json" 2>"$work/fallback.txt" || {
        cat "$work/fallback.txt"
        return 1
    }
    judge "$work/fallback.json" 'run["passed"]' 'run["scenario"] == "login-failure"' \
        'all(it["sandbox"] == "port-range" for it in arm.values())' 'arm["leaky"]["ports"]["exhausted"]' || return
    grep -q 'no `two-hosts` sandbox' "$work/fallback.txt"
}

# A program under test there: the check falls back to this container itself, finds the same leak, and says what is weaker.
check_without_namespaces() {
    local load=(--attempts 4 --rate 2/s --user app --password-env CLOSEWAIT_PASSWORD)
    local check=(docker run --rm --init "$image" check)
    local command=(-- /closewait run --target '{host}:{port}' "${load[@]}" --close)
    local file=$work/check.json status
    "${check[@]}" --grace 300ms --json - "${command[@]}" leaky >"$file" 2>"$work/check.txt"
    status=$?
    if [ "$status" -ne 1 ]; then
        echo "exit $status"
        cat "$file" "$work/check.txt"
        return 1
    fi
    judge "$file" 'run["sandbox"] == "none"' 'run["faults"][0]["verdict"] == "leak"' 'run["faults"][0]["leaked"] >= 3' \
        'any("namespace" in it and "seccomp" in it for it in run["notices"])' \
        'any("no sandbox: the command runs on this machine" in it for it in run["notices"])' \
        'any("does not bound" in it for it in run["notices"])' || return
    "${check[@]}" --json - "${command[@]}" orderly >"$file" 2>"$work/check.txt" || {
        cat "$file" "$work/check.txt"
        return 1
    }
    judge "$file" 'run["sandbox"] == "none"' 'run["faults"][0]["verdict"] == "clean"' || return
    # A name can be nothing here, and that is said before anything begins.
    docker run --rm --init "$image" check --as db.test:1433 -- /closewait >"$work/check.txt" 2>&1
    status=$?
    cat "$work/check.txt"
    [ "$status" -eq 3 ] && grep -q '{host} and {port}' "$work/check.txt" && ! grep -q 'checking under' "$work/check.txt"
}

# The walls of a container: its own memory among them, and why it may make no namespace. A look at its sockets.
walls_of_a_container() {
    docker run --rm --init --memory 256m "$image" doctor --json - >"$work/doctor.json" 2>"$work/doctor.txt" || {
        cat "$work/doctor.txt"
        return 1
    }
    judge "$work/doctor.json" 'run["passed"]' 'run["namespaces"]["level"] == "port-range"' \
        'any("seccomp" in it for it in run["namespaces"]["refusals"])' \
        '[it["limit"] for it in run["walls"] if it["name"] == "cgroup_memory"] == [256 << 20]' || return
    docker run --rm --init "$image" watch --once | grep -q 'all TCP sockets: 0 sockets'
}

config_of_sql_server() {
    MSSQL_SA_PASSWORD=not-used docker-compose -f "$here/compose.yaml" config
}

trap 'exit 130' INT
trap 'exit 143' TERM HUP
install_packages
command -v python3 >/dev/null || skip "no python3 to read the results with"
trap finish EXIT
start_engine
export -f compose judge two_machines verdict_can_fail without_namespaces check_without_namespaces walls_of_a_container \
    config_of_sql_server
export here image project work
if step "the image builds" 1800 "$here/build.sh" "$image"; then
    step "two machines: leaky runs out of ports, orderly does not" 120 bash -c two_machines
    step "two machines: the verdict can fail" 120 bash -c verdict_can_fail
    step "default seccomp profile: falls back to a port range, and passes" 120 bash -c without_namespaces
    step "default seccomp profile: a program under test is checked, and what is weaker is said" 120 bash -c check_without_namespaces
    step "default seccomp profile: doctor tells the container's walls, watch its sockets" 60 bash -c walls_of_a_container
fi
step "compose.yaml is valid" 60 bash -c config_of_sql_server
