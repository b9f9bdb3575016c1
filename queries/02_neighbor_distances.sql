-- Histogram of the distance to the nearest neighbour: two peaks mean an uneven scan, a tail means gaps.
SELECT floor(distance / 2) * 2 AS from_distance, count(*) AS positions, repeat('#', CAST(ceil(count(*) / 8.0) AS BIGINT)) AS bar
FROM neighbors
WHERE rank = 1
GROUP BY from_distance
ORDER BY from_distance
