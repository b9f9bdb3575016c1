-- Which scan points are in no group at all, so that training never sees them?
SELECT scan.scan_point, round(scan.x, 1) AS x, round(scan.y, 1) AS y
FROM scan LEFT ANTI JOIN group_members ON scan.scan_point = group_members.scan_point
ORDER BY scan.scan_point
