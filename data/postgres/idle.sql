-- Roles older than ours with no session. Their age is in the comment that roles.sql writes.
SELECT old.rolname
FROM pg_roles old, pg_roles ours
WHERE ours.rolname = :'role' AND old.rolname ~ '^app_[0-9a-f]{8}$' AND old.rolname <> ours.rolname
  AND split_part(shobj_description(old.oid, 'pg_authid'), ' ', 2)::numeric < split_part(shobj_description(ours.oid, 'pg_authid'), ' ', 2)::numeric
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = old.rolname);
