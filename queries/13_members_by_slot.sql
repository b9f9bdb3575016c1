-- Groups taken apart: is any slot special? How far its members are from the seed point and from the group's centre.
SELECT slot, count(*) AS members, round(avg(seed_distance), 2) AS from_seed,
       round(avg(sqrt(dx * dx + dy * dy)), 2) AS from_center
FROM group_members
GROUP BY slot
ORDER BY slot
