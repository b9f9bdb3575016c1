-- Does the pattern wander over the detector? Centre of mass, 64 frames at a time, in pixels from the detector's middle.
SELECT scan_point / 64 * 64 AS from_point,
       round(avg(center_of_mass(diffraction)['row'] - 32), 3) AS mean_row,
       round(avg(center_of_mass(diffraction)['col'] - 32), 3) AS mean_col,
       round(stddev(center_of_mass(diffraction)['row']), 3) AS spread_row,
       round(stddev(center_of_mass(diffraction)['col']), 3) AS spread_col
FROM scan
GROUP BY from_point
ORDER BY from_point
