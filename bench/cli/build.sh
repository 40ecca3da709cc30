#!/usr/bin/env bash
# Builds the Pulumi CLI of go.mod into the bench home's bin/, from the Go module proxy. Left alone when it is there.
set -euo pipefail
BENCH_NAME=cli
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$HERE/../engine/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../go.sh
. "$HERE/../go.sh"

PACKAGE=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
BINARY=$BENCH_HOME/bin/pulumi
LOG=$BENCH_HOME/log/cli.log

wanted() { sed -nE 's#^\s*github.com/pulumi/pulumi/pkg/v3 (v\S+).*#\1#p' "$HERE/go.mod"; }
version() { "$BINARY" version; }

build() {
  (cd "$HERE" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0 nice "$GO" build -o "$BINARY.new" \
    -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(wanted)" "$PACKAGE") >"$LOG" 2>&1
}

made "five minutes" pulumi
