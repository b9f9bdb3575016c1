-- Which groups are wider than the probe, so that some of their members do not overlap? Of the diameter that holds half the
-- power of all modes.
SELECT group_id, seed_point, nn_indices, round(span, 2) AS span, round(span / diameter, 2) AS diameters
FROM groups CROSS JOIN (SELECT total_probe_diameter(probe, 0.5) AS diameter FROM probe) AS size
WHERE span > diameter
ORDER BY span DESC, group_id
LIMIT 5
