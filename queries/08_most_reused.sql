-- Which scan points are members of the most groups, and how far from the seed points?
SELECT scan_point, count(*) AS groups, round(avg(seed_distance), 2) AS mean_distance
FROM group_members
GROUP BY scan_point
ORDER BY groups DESC, scan_point
LIMIT 5
