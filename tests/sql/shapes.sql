-- Queries of every shape, in SQL that DataFusion and DuckDB both speak. Each is run with and without pushdown
-- (tests/it/shapes.rs) and by DuckDB over exported files (tests/python/check_outputs.py); the answers must be equal, in
-- order where there is an ORDER BY. A name, then a query up to its semicolon.

-- projection
SELECT scan_point, x, y FROM scan;

-- all narrow columns in order
SELECT scan_point, x, y, x_start, y_start, frame_index FROM scan ORDER BY scan_point;

-- filter on a range
SELECT scan_point, x FROM scan WHERE scan_point BETWEEN 100 AND 140 ORDER BY scan_point;

-- filter on positions
SELECT scan_point FROM scan WHERE x > 150 AND y < 120 ORDER BY scan_point;

-- filter with or, not, in
SELECT scan_point FROM scan WHERE (scan_point IN (3, 5, 500) OR x < 70) AND NOT y > 300 ORDER BY 1;

-- filter that nothing passes
SELECT scan_point, diffraction[1] AS corner FROM scan WHERE x > 1e9;

-- filter that is null
SELECT scan_point FROM scan WHERE x > NULL;

-- filter on patterns
SELECT scan_point FROM scan WHERE diffraction[2081] > 20 ORDER BY scan_point;

-- filter on positions and patterns
SELECT scan_point, diffraction[2081] AS middle FROM scan WHERE y < 100 AND diffraction[2081] > 19 ORDER BY scan_point;

-- patterns of some rows
SELECT scan_point, diffraction[1] AS corner, diffraction[4096] AS other FROM scan WHERE scan_point % 37 = 1 ORDER BY scan_point;

-- limit
SELECT count(*) AS n FROM (SELECT scan_point, diffraction FROM scan LIMIT 17);

-- limit in order
SELECT scan_point, x FROM scan ORDER BY scan_point LIMIT 5;

-- limit and offset
SELECT scan_point, diffraction[100] AS p FROM scan ORDER BY scan_point LIMIT 7 OFFSET 300;

-- filter above a limit
SELECT scan_point FROM (SELECT scan_point, x FROM scan ORDER BY scan_point LIMIT 50) AS first WHERE x > 200 ORDER BY scan_point;

-- top k by a narrow column
SELECT scan_point, x, diffraction[2081] AS middle FROM scan ORDER BY x DESC, scan_point LIMIT 6;

-- top k by a pattern
SELECT scan_point, diffraction[2081] AS middle FROM scan ORDER BY diffraction[2081] DESC, scan_point LIMIT 6;

-- count
SELECT count(*) AS n FROM scan;

-- count of a filter
SELECT count(*) AS n FROM scan WHERE x < 200;

-- aggregates
SELECT min(x) AS a, max(x) AS b, min(scan_point) AS c, max(frame_index) AS d, count(DISTINCT y) AS e FROM scan;

-- aggregates by part
SELECT scan_point / 64 AS part, count(*) AS n, max(y) AS most FROM scan WHERE x < 250 GROUP BY scan_point / 64 HAVING count(*) > 10 ORDER BY part;

-- aggregates of patterns
SELECT scan_point % 3 AS part, max(diffraction[2081]) AS most FROM scan GROUP BY scan_point % 3 ORDER BY part;

-- distinct
SELECT DISTINCT scan_point / 100 AS part FROM scan WHERE y > 50 ORDER BY part;

-- join on equal keys, patterns on the left
SELECT a.scan_point, a.diffraction[7] AS p, b.x FROM scan AS a JOIN scan AS b ON a.scan_point = b.scan_point + 500 ORDER BY a.scan_point;

-- join on equal keys, patterns on the right
SELECT b.scan_point, b.diffraction[7] AS p, a.x FROM scan AS a JOIN scan AS b ON b.scan_point = a.scan_point + 500 ORDER BY b.scan_point;

-- left join
SELECT a.scan_point, b.x FROM scan AS a LEFT JOIN scan AS b ON b.scan_point = a.scan_point * 3 WHERE a.scan_point > 165 AND a.scan_point < 180 ORDER BY a.scan_point;

-- full join
SELECT count(*) AS n, count(a.x) AS a, count(b.x) AS b FROM scan AS a FULL JOIN scan AS b ON b.scan_point = a.scan_point + 9;

-- join with an inequality
SELECT count(*) AS n FROM scan AS a JOIN scan AS b ON a.x < b.x AND a.scan_point < 20 AND b.scan_point > 500;

-- semi join
SELECT scan_point, diffraction[50] AS p FROM scan WHERE scan_point IN (SELECT seed_point FROM groups WHERE span > 40) ORDER BY scan_point;

-- anti join
SELECT count(*) AS n FROM scan WHERE scan_point NOT IN (SELECT scan_point FROM group_members WHERE slot = 0);

-- exists
SELECT scan_point FROM scan AS s WHERE EXISTS (SELECT 1 FROM group_members AS m WHERE m.scan_point = s.scan_point AND m.seed_distance > 24) ORDER BY scan_point;

-- scalar subquery
SELECT scan_point, x FROM scan WHERE x > (SELECT max(x) - 5 FROM scan) ORDER BY scan_point;

-- union
SELECT scan_point AS p FROM scan WHERE x < 70 UNION SELECT seed_point FROM groups WHERE group_id < 9 ORDER BY p;

-- union all of patterns
SELECT scan_point, diffraction[9] AS p FROM scan WHERE scan_point < 3 UNION ALL SELECT scan_point, diffraction[9] FROM scan WHERE scan_point > 513 ORDER BY 1;

-- except
SELECT scan_point FROM scan WHERE y < 60 EXCEPT SELECT scan_point FROM scan WHERE x < 150 ORDER BY 1;

-- window
SELECT scan_point, row_number() OVER (PARTITION BY scan_point / 100 ORDER BY x, scan_point) AS r FROM scan ORDER BY scan_point LIMIT 120;

-- window over neighbours in time
SELECT scan_point, x - lag(x) OVER (ORDER BY scan_point) AS dx FROM scan ORDER BY scan_point LIMIT 40;

-- case and coalesce
SELECT scan_point, CASE WHEN x < 100 THEN 'left' WHEN x > 300 THEN 'right' ELSE 'middle' END AS side, coalesce(NULL, y) AS y FROM scan ORDER BY scan_point;

-- common table expression
WITH near AS (SELECT * FROM scan WHERE y < 90), far AS (SELECT * FROM near WHERE x > 200) SELECT scan_point, diffraction[3000] AS p FROM far ORDER BY scan_point;

-- groups by seed column
SELECT group_id, seed_point, seed_x FROM groups WHERE seed_x BETWEEN 100 AND 130 ORDER BY group_id;

-- groups by member column
SELECT group_id, span, center_x, center_y FROM groups WHERE span < 14 AND center_x > 100 ORDER BY group_id;

-- groups by both
SELECT group_id, nn_indices[1] AS first, nn_indices[4] AS last FROM groups WHERE seed_y < 100 AND span > 20 ORDER BY group_id;

-- groups with patterns
SELECT group_id, diffraction[1] AS a, diffraction[16384] AS b FROM groups WHERE group_id % 100 = 7 ORDER BY group_id;

-- groups with factor
SELECT group_id, norm_factor, diffraction_normalized[5000] AS p FROM groups WHERE seed_point < 6 ORDER BY group_id;

-- groups, top k
SELECT group_id, span FROM groups ORDER BY span DESC, group_id LIMIT 8;

-- groups, limit without order of equal rows
SELECT count(*) AS n FROM (SELECT diffraction FROM groups LIMIT 11);

-- coordinates
SELECT group_id, coords_nn[1] AS x0, coords_relative[5] AS dy0, coords_offsets[2] AS cy FROM groups ORDER BY group_id LIMIT 30;

-- members
SELECT group_id, slot, scan_point, dx, dy, seed_distance FROM group_members WHERE group_id IN (3, 77, 400) ORDER BY group_id, slot;

-- members by distance
SELECT scan_point, count(*) AS n FROM group_members WHERE seed_distance > 15 GROUP BY scan_point ORDER BY n DESC, scan_point LIMIT 10;

-- members with patterns of the scan
SELECT m.group_id, m.slot, s.diffraction[2081] AS middle FROM group_members AS m JOIN scan AS s ON s.scan_point = m.scan_point WHERE m.group_id < 3 ORDER BY 1, 2;

-- groups joined with members and scan
SELECT g.group_id, count(*) AS n, max(s.x) AS x FROM groups AS g JOIN group_members AS m ON m.group_id = g.group_id JOIN scan AS s ON s.scan_point = m.scan_point WHERE g.seed_x < 75 GROUP BY g.group_id ORDER BY g.group_id;

-- neighbours
SELECT scan_point, neighbor, distance FROM neighbors WHERE rank = 1 AND distance < 4 ORDER BY distance, scan_point;

-- neighbours of neighbours
SELECT a.scan_point, count(DISTINCT b.neighbor) AS n FROM neighbors AS a JOIN neighbors AS b ON b.scan_point = a.neighbor WHERE a.scan_point < 12 GROUP BY a.scan_point ORDER BY a.scan_point;
