-- How much do the members of each group overlap? Area overlap of each pair of members, for discs of the probe's own
-- diameter (90 % of the power of all modes, in pixels: the positions must be in pixels too). The ten groups that overlap
-- least.
WITH size AS (SELECT total_probe_diameter(probe, 0.9) AS diameter FROM probe),
     pairs AS (SELECT a.group_id, sqrt(power(a.x - b.x, 2) + power(a.y - b.y, 2)) AS distance
               FROM group_members AS a JOIN group_members AS b ON a.group_id = b.group_id AND a.slot < b.slot)
SELECT group_id,
       round(min(area_overlap(distance, diameter)), 3) AS least,
       round(avg(area_overlap(distance, diameter)), 3) AS mean,
       round(min(linear_overlap(distance, diameter)), 3) AS least_linear
FROM pairs CROSS JOIN size
GROUP BY group_id
ORDER BY least, group_id
LIMIT 10
