# SQLite: a million rows, index, joins, aggregates, window functions, text search, integrity.
# tier: core
# packages: sqlite3
# timeout: 300
cd /work
sqlite3 test.db <<'END'
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
INSERT INTO t SELECT i, (i * 7919) % 10007, (i * 31 % 4001) / 16.0, 'row ' || (i % 1000) FROM n;
CREATE INDEX ta ON t (a); CREATE INDEX tc ON t (c);
SELECT count(*), sum(a), round(sum(b), 6), min(c), max(c) FROM t;
SELECT a, count(*) FROM t WHERE a BETWEEN 100 AND 104 GROUP BY a;
SELECT c, avg(a), total(b) FROM t WHERE c LIKE 'row 99%' GROUP BY c ORDER BY 2 DESC LIMIT 5;
SELECT count(*) FROM t x JOIN t y ON x.a = y.id WHERE y.a < 50;
UPDATE t SET a = a + 1 WHERE id % 3 = 0; DELETE FROM t WHERE id % 10 = 0;
SELECT count(*), sum(a) FROM t;
SELECT id, sum(a) OVER (ORDER BY id ROWS 3 PRECEDING) FROM t LIMIT 5 OFFSET 1000;
SELECT printf('%.12g %s %x', 22.0 / 7, hex('abc'), 3735928559), upper('é') || lower('ABC'), json_extract('{"a":[1,2,{"b":3}]}', '$.a[2].b');
PRAGMA integrity_check;
END
# Not .dump: it prints twenty digits, by way of the architecture's own long double.
sqlite3 test.db 'SELECT id, a, b, c FROM t ORDER BY id' | md5sum
sqlite3 test.db .dump | wc -l
