#!/usr/bin/env bash
# Builds Trivy (go.mod says which) and trivy-database, which makes databases for it, into the bench home's bin/, from the Go module
# proxy. Half an hour of a compiler on two cores and 3 GB of memory, so nothing else starts it. Left alone when both are there.
set -euo pipefail
BENCH_NAME=scan
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$HERE/../engine/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../go.sh
. "$HERE/../go.sh"

LOG=$BENCH_HOME/log/scan.log

wanted() { sed -nE 's#^\s*github.com/aquasecurity/trivy v(\S+).*#\1#p' "$HERE/go.mod"; }
version() { "$BENCH_HOME/bin/trivy" --version; }

# Trivy takes a package of Go's that is an experiment in Go 1.26. One compiler at a time: its memory is what a small machine lacks.
build() {
  (cd "$HERE" && export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0 GOEXPERIMENT=jsonv2
    nice "$GO" build -p 1 -trimpath -o "$BENCH_HOME/bin/trivy-database.new" -ldflags "-s -w" . &&
      nice "$GO" build -p 1 -trimpath -o "$BENCH_HOME/bin/trivy.new" \
      -ldflags "-s -w -X github.com/aquasecurity/trivy/pkg/version/app.ver=$(wanted)" github.com/aquasecurity/trivy/cmd/trivy) >"$LOG" 2>&1
}

made "half an hour" trivy trivy-database
