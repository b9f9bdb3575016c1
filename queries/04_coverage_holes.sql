-- Where has the scan holes? Cells of 15 by 15 that no position falls into, though all eight around them are visited.
WITH visited AS (SELECT DISTINCT CAST(floor(x / 15) AS BIGINT) AS col, CAST(floor(y / 15) AS BIGINT) AS row FROM scan),
     offsets AS (SELECT unnest([-1, 0, 1]) AS by),
     around AS (SELECT col + h.by AS col, row + v.by AS row
                FROM visited CROSS JOIN offsets AS h CROSS JOIN offsets AS v
                GROUP BY 1, 2 HAVING count(*) = 8)
SELECT around.col * 15 AS x, around.row * 15 AS y
FROM around LEFT ANTI JOIN visited ON around.col = visited.col AND around.row = visited.row
ORDER BY y, x
