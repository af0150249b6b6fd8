#!/usr/bin/env bash
# Starts Ray on one machine of a cluster, with a token and with a silent machine given up after 8 s.
#
#   cluster/plain/node.sh head                       # on the first machine; prints the next two commands
#   cluster/plain/node.sh join HEAD_ADDRESS:6379     # on every other machine
#   cluster/plain/node.sh stop                       # on each machine, when the study is done
#
# Every machine needs the same version of RankTune, Ray and Python, and the same token file:
# copy ~/.ranktune/token from the head to the others (scp keeps it private: mode 0600).
set -euo pipefail

token=${RAY_AUTH_TOKEN_PATH:-$HOME/.ranktune/token}
port=${PORT:-6379}

usage() {
  echo "usage: $0 head | join ADDRESS:PORT | stop" >&2
  exit 2
}

export RAY_AUTH_MODE=token
export RAY_AUTH_TOKEN_PATH=$token
export RAY_USAGE_STATS_ENABLED=0
# Workers get the priority of this command (start it with nice -n 10 where others work). By Ray's
# default whatever else computes on a machine brings trials to a standstill.
export RAY_worker_niceness=0
# Ray's defaults take a minute to give a silent machine up.
export RAY_health_check_period_ms=500
export RAY_health_check_timeout_ms=2000
export RAY_health_check_failure_threshold=3

# Ray keeps its sockets in a folder that every user may write to; inside this one nobody else can.
export RAY_TMPDIR=${RAY_TMPDIR:-/tmp/ranktune-$(id -u)}
mkdir -p -m 700 "$RAY_TMPDIR"
chmod 700 "$RAY_TMPDIR"

own_address() {
  hostname -I | awk '{print $1}'
}

case ${1:-} in
  head)
    if [ ! -s "$token" ]; then
      mkdir -p "$(dirname "$token")"
      (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$token")
    fi
    chmod 600 "$token"
    address=$(own_address)
    # The head runs no trials: it is the one machine that must not run out of memory.
    ray start --head --node-ip-address "$address" --port "$port" --num-cpus 0 --num-gpus 0 \
      --temp-dir "$RAY_TMPDIR/ray" --include-dashboard false --disable-usage-stats
    echo
    echo "On the other machines, with $token copied there:"
    echo "  $0 join $address:$port"
    echo "Then here, the same command again after whatever happens:"
    echo "  RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$token \\"
    echo "    ranktune --space tucker --address $address:$port --storage /shared/checkpoints"
    ;;
  join)
    [ $# -eq 2 ] || usage
    [ -s "$token" ] || { echo "no token in $token: copy it from the head" >&2; exit 1; }
    chmod 600 "$token"
    ray start --address "$2" --node-ip-address "$(own_address)" --temp-dir "$RAY_TMPDIR/ray" \
      --disable-usage-stats
    ;;
  stop)
    ray stop
    ;;
  *)
    usage
    ;;
esac
