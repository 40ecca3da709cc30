"""`python -m stores <program> ...`: the catalogue starts one in each container, bin/restore those that restore."""

import argparse
import sys

from . import exporter, mongo, neo4j, restore, vectors


def main() -> int:
    parser = argparse.ArgumentParser(prog="stores")
    programs = parser.add_subparsers(dest="program", required=True)
    users = programs.add_parser("mongo-users", help="makes the log-ins of MongoDB")
    users.add_argument("database")
    users.add_argument("--roles", action="store_true", help="what a user may do is bounded; FerretDB knows no roles")
    prune = programs.add_parser("mongo-prune", help="drops the users of former passwords")
    programs.add_parser("neo4j-users", help="makes the log-ins of Neo4j")
    neo4j_prune = programs.add_parser("neo4j-prune", help="drops the users of former passwords")
    for parser_of in (prune, neo4j_prune):
        parser_of.add_argument("pause", type=int, help="seconds for which one has to be idle")
    for name, title in (("mongo", "MongoDB"), ("chroma", "Chroma"), ("neo4j", "Neo4j")):
        programs.add_parser(f"{name}-exporter", help=f"tells Prometheus of {title}").add_argument("port", type=int)
    programs.add_parser("mongo-restore", help="puts the documents of a backup over what runs").add_argument("database")
    programs.add_parser("chroma-restore", help="puts the collections of a backup over what runs")
    programs.add_parser("neo4j-restore", help="puts the graph of a backup in the place of the one that runs")
    args = parser.parse_args()
    match args.program:
        case "mongo-users":
            mongo.make_users(args.database, args.roles)
        case "mongo-prune":
            mongo.prune(args.pause)
        case "neo4j-users":
            neo4j.make_users()
        case "neo4j-prune":
            neo4j.prune(args.pause)
        case "neo4j-exporter":
            exporter.server(args.port, "neo4j_up", neo4j.metrics).serve_forever()
        case "neo4j-restore":
            restore.neo4j(sys.stdin.buffer, neo4j.admin())
        case "mongo-exporter":
            exporter.server(args.port, "mongodb_up", mongo.metrics).serve_forever()
        case "chroma-exporter":
            exporter.server(args.port, "chroma_up", vectors.metrics).serve_forever()
        case "mongo-restore":
            restore.mongo(sys.stdin.buffer, mongo.admin()[args.database])
        case "chroma-restore":
            restore.chroma(sys.stdin.buffer, vectors.server())
    return 0


if __name__ == "__main__":
    sys.exit(main())
