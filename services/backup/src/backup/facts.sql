-- What is in a database, one line of JSON a table: rows, a checksum that does not depend on their order, the newest moment in any column of
-- type timestamptz up to :at, and how many rows have such a moment after :since. Run by psql as whoever may read everything.
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1; SET row_security = off;
SELECT format(
  'SELECT json_build_object(''table'', %L, ''rows'', count(*), ''checksum'', coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text, '
  '''newest'', max(moment), ''newer'', count(*) FILTER (WHERE moment > %L)) FROM (SELECT t AS row, %s AS moment FROM ONLY %I.%I t) AS x',
  n.nspname || '.' || c.relname, :'since',
  coalesce('greatest(' || (
    SELECT string_agg(format('CASE WHEN t.%1$I <= %2$L THEN t.%1$I END', a.attname, :'at'), ', ' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'timestamptz'::regtype) || ')', 'NULL::timestamptz'),
  n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1 \gexec
