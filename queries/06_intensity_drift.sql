-- Does the beam fade during the scan? Mean counts of 64 frames at a time, against the first 64; amplitudes, so counts
-- are sums of squares.
WITH parts AS (SELECT scan_point / 64 AS part, avg(photons(diffraction, 'amplitude')) AS counts FROM scan GROUP BY part)
SELECT part * 64 AS from_point, round(counts) AS counts,
       round(100 * (counts / first_value(counts) OVER (ORDER BY part) - 1), 2) AS percent
FROM parts
ORDER BY part
