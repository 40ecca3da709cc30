#!/bin/sh
# Starts Neo4j as its image does. The image's entry point writes the settings below NEO4J_HOME, which is read-only here: they go into a
# copy of conf, beside links to everything else.
set -eu
image=$NEO4J_HOME
export NEO4J_HOME=/tmp/neo4j
rm -rf "$NEO4J_HOME"
mkdir "$NEO4J_HOME"
for entry in "$image"/*; do
  case $entry in
    */conf) cp -r "$entry" "$NEO4J_HOME/";;
    *) ln -s "$entry" "$NEO4J_HOME/";;
  esac
done
chmod -R u+w "$NEO4J_HOME/conf"
exec /startup/docker-entrypoint.sh neo4j
