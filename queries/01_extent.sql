-- How large is the scan, and how many positions has it? In the unit of the positions.
SELECT count(*) AS positions,
       round(max(x) - min(x), 1) AS width,
       round(max(y) - min(y), 1) AS height
FROM scan
