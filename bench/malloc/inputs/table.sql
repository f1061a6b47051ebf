-- What the row sqlite3 of the benchmark runs. ":rows" is replaced by a number.
CREATE TABLE measurement(
  id INTEGER PRIMARY KEY, place TEXT, value REAL, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO measurement
  SELECT i, 'place ' || (i * 7919 % 1000), i * 0.25, printf('%.*c', i % 90, 'x')
  FROM n;
COMMIT;
CREATE INDEX by_place ON measurement(place, value);
SELECT count(*), sum(value), max(length(note)) FROM measurement;
SELECT place, count(*), avg(value) FROM measurement
  GROUP BY place ORDER BY avg(value) DESC, place LIMIT 10;
SELECT count(*) FROM measurement a JOIN measurement b ON b.id = a.id + 1
  WHERE a.value < b.value;
UPDATE measurement SET note = note || ' changed' WHERE id % 3 = 0;
DELETE FROM measurement WHERE id % 7 = 0;
SELECT length(group_concat(upper(place) || note, ';')) FROM
  (SELECT place, note FROM measurement ORDER BY note, place);
SELECT count(*), sum(length(note)) FROM measurement;
PRAGMA integrity_check;
