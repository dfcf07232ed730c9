#!/bin/bash
# Whether the server does its work: the database has the extension, and its HTTP server, if it is switched on, says so too.
set -euo pipefail

# On the first start there is a server already while the cluster is made: it is not the one.
[ -e "$PGDATA/postmaster.pid" ] || { echo "there is no server in $PGDATA (yet)" >&2; exit 1; }
read -r address port < <(psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -d "${POSTGRES_DB:-analytics}" <<'SQL'
LOAD 'analytics';
SELECT 1 / count(*) FROM pg_extension WHERE extname = 'analytics' \g /dev/null
SELECT CASE WHEN a IN ('0.0.0.0', '::') THEN '127.0.0.1' ELSE a END, current_setting('analytics.http_port')
  FROM current_setting('analytics.http_address') a;
SQL
)
[ "$port" != 0 ] || exit 0
exec 3<>"/dev/tcp/$address/$port"
printf 'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
