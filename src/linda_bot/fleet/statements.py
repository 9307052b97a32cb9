"""What the ledger asks of PostgreSQL; each is one statement, so that nothing is ever half done.

All times are the database's: `clock_timestamp`, which goes on within a statement that waits for a lock.
"""

REGISTER = """
INSERT INTO hosts AS h (host, place, incarnation, capacity, weight, lease_s, version, pid)
VALUES (%(name)s, %(place)s, %(incarnation)s, %(capacity)s, %(weight)s, %(lease_s)s, %(version)s, %(pid)s)
ON CONFLICT (host) DO UPDATE SET place = EXCLUDED.place, incarnation = EXCLUDED.incarnation,
    capacity = EXCLUDED.capacity, weight = EXCLUDED.weight, lease_s = EXCLUDED.lease_s, version = EXCLUDED.version,
    pid = EXCLUDED.pid, leaving = false, started_at = clock_timestamp(), seen_at = clock_timestamp()
WHERE h.place = EXCLUDED.place OR h.seen_at <= clock_timestamp() - make_interval(secs => h.lease_s)
RETURNING true
"""

FORGET_OLD_HOSTS = "DELETE FROM hosts WHERE seen_at < clock_timestamp() - interval '7 days'"

RENEW = """
WITH me AS (
    UPDATE hosts SET seen_at = clock_timestamp() WHERE host = %(name)s AND incarnation = %(incarnation)s
    RETURNING host
), mine AS (
    UPDATE leases AS l SET expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
    FROM unnest(%(accounts)s::text[], %(fences)s::bigint[]) AS asked (account, fence)
    WHERE l.account = asked.account AND l.fence = asked.fence AND l.host = (SELECT host FROM me)
    RETURNING l.account
)
SELECT EXISTS (SELECT FROM me), (SELECT coalesce(array_agg(account), '{}') FROM mine)
"""

SEE = """
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
SELECT json_build_object(
    'hosts', (SELECT coalesce(json_agg(json_build_object(
        'name', host, 'incarnation', incarnation, 'capacity', capacity, 'weight', weight, 'lease_s', lease_s,
        'version', version, 'pid', pid, 'is_leaving', leaving, 'started_s', extract(epoch FROM now - started_at),
        'seen_s', extract(epoch FROM now - seen_at)) ORDER BY host), '[]') FROM hosts, moment),
    'accounts', (SELECT coalesce(json_agg(json_build_object(
        'account', account, 'state', state, 'host', coalesce(host, ''), 'came_from', coalesce(came_from, ''),
        'came_by', coalesce(came_by, 'claimed'), 'given_back', coalesce(given_back, ''), 'fence', coalesce(fence, 0),
        'left_s', extract(epoch FROM
            CASE WHEN host <> '' THEN expires_at ELSE greatest(expires_at, changed_at) END - now),
        'granted_s', extract(epoch FROM now - coalesce(granted_at, changed_at))) ORDER BY account), '[]')
        FROM accounts LEFT JOIN leases USING (account), moment)
)::text
"""

_GRANT = """
, granted AS (
    INSERT INTO leases AS l (account, host, place, fence, expires_at, granted_at)
    SELECT account, %(name)s, %(place)s, 1, clock_timestamp() + make_interval(secs => %(lease_s)s), clock_timestamp()
    FROM wanted
    ON CONFLICT (account) DO UPDATE SET host = EXCLUDED.host, place = EXCLUDED.place, fence = l.fence + 1,
        expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s), granted_at = clock_timestamp(),
        came_from = CASE WHEN l.host <> '' THEN l.host ELSE l.came_from END,
        came_by = CASE WHEN l.given_back = 'handed_over' THEN 'handed_over'
            WHEN l.host NOT IN ('', EXCLUDED.host) OR l.given_back = 'lost' THEN 'taken_over' ELSE 'claimed' END,
        was_free_s = greatest(extract(epoch FROM clock_timestamp() - l.expires_at), 0), given_back = ''
    WHERE l.host = '' OR l.expires_at <= clock_timestamp() OR (l.host = EXCLUDED.host AND l.place = EXCLUDED.place)
    RETURNING account, fence, host, came_from, came_by, was_free_s
), moved AS (
    INSERT INTO moves (account, from_host, to_host, why, fence, free_s)
    SELECT account, came_from, host, came_by, fence, was_free_s FROM granted
)
SELECT fence, came_from, came_by, was_free_s FROM granted
"""

# Locked, so that nobody pauses or removes it at the same moment.
CLAIM = (
    "WITH wanted AS (SELECT account FROM accounts WHERE account = %(account)s AND state = 'active' FOR SHARE)"  # noqa: S608 (texts of ours)
    + _GRANT
)
HOLD = "WITH wanted AS (SELECT %(account)s::text AS account)" + _GRANT

END_OLDER = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'linda-bot %%'
    AND substring(application_name FROM ' ' || %(account)s || ' #([0-9]+)$')::bigint < %(fence)s
"""

RELEASE = """
WITH gone AS (
    UPDATE leases SET came_from = host, host = '', place = '', expires_at = clock_timestamp(), given_back = %(why)s
    WHERE account = %(account)s AND fence = %(fence)s AND host = %(name)s
    RETURNING account, came_from, fence
), moved AS (
    -- One that is handed over is told of by whoever takes it.
    INSERT INTO moves (account, from_host, to_host, why, fence, free_s)
    SELECT account, came_from, '', %(why)s, fence, 0 FROM gone WHERE %(why)s <> 'handed_over'
)
SELECT EXISTS (SELECT FROM gone)
"""

LEAVE = "UPDATE hosts SET leaving = true WHERE host = %(name)s AND incarnation = %(incarnation)s"
DEPART = "DELETE FROM hosts WHERE host = %(name)s AND incarnation = %(incarnation)s"

ADD = """
INSERT INTO accounts AS a (account) VALUES (%(account)s)
ON CONFLICT (account) DO UPDATE SET state = 'active', changed_at = clock_timestamp() WHERE a.state <> 'active'
RETURNING true
"""

SET_STATE = """
UPDATE accounts SET state = %(state)s, changed_at = clock_timestamp()
WHERE account = %(account)s AND state <> %(state)s
RETURNING true
"""

MOVES = """
SELECT coalesce(json_agg(json_build_object(
    'id', id, 'ago_s', extract(epoch FROM clock_timestamp() - at), 'account', account, 'from_host', from_host,
    'to_host', to_host, 'why', why, 'fence', fence, 'free_s', free_s) ORDER BY id DESC), '[]')::text
FROM (SELECT * FROM moves ORDER BY id DESC LIMIT %(most)s) AS newest
"""
