-- Which groups are widest? A group wider than the probe is no overlap at all.
SELECT group_id, seed_point, nn_indices, round(span, 2) AS span
FROM groups
ORDER BY span DESC, group_id
LIMIT 5
