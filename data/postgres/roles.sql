-- The applications log in as app_<version of the password>: a changed password is a new role beside the old one,
-- so that nothing that still runs loses its credential. Everything belongs to app_owner, whichever role made it.
\set role `cat /etc/berth/secrets/postgres-role`
\set password `cat /etc/berth/secrets/postgres-password`
\set database '@{database}'

-- A statement that fails must not be written to the log together with the password.
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

SELECT 'CREATE ROLE app_owner NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_owner') \gexec
SELECT 'CREATE ROLE backup LOGIN BYPASSRLS IN ROLE pg_read_all_data' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backup') \gexec
SELECT 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monitor') \gexec
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

ALTER DATABASE :"database" OWNER TO app_owner;
ALTER SCHEMA public OWNER TO app_owner;
ALTER ROLE :"role" LOGIN PASSWORD :'password';
GRANT app_owner TO :"role";
ALTER ROLE :"role" SET role = 'app_owner';

-- Which release made the role, and when. A container that merely restarts leaves the time as it was.
\set maker `hostname`
SELECT format('COMMENT ON ROLE %I IS %L', :'role', :'maker' || ' ' || extract(epoch FROM clock_timestamp()))
FROM pg_roles WHERE rolname = :'role' AND split_part(coalesce(shobj_description(oid, 'pg_authid'), ''), ' ', 1) <> :'maker' \gexec
