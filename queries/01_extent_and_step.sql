-- How large is the scan, and how far is it from one position to the nearest other? In the unit of the positions.
SELECT (SELECT count(*) FROM scan) AS positions,
       (SELECT round(max(x) - min(x), 1) FROM scan) AS width,
       (SELECT round(max(y) - min(y), 1) FROM scan) AS height,
       round(min(distance), 2) AS least_step,
       round(median(distance), 2) AS median_step,
       round(max(distance), 2) AS largest_step
FROM neighbors
WHERE rank = 1
