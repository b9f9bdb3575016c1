-- Are the patterns of nearby positions alike? Mean correlation with each of the nearest neighbours: it should fall with
-- the distance, or positions and patterns do not belong together.
SELECT rank, round(avg(distance), 2) AS distance, round(avg(correlation(a.diffraction, b.diffraction)), 4) AS correlation
FROM neighbors AS n JOIN scan AS a ON a.scan_point = n.scan_point JOIN scan AS b ON b.scan_point = n.neighbor
GROUP BY rank
ORDER BY rank
