-- Two files of one measurement, amplitudes and counts: are their positions and their numbers of photons the same?
SELECT count(*) AS positions,
       max(abs(a.x - b.x)) AS farthest_x,
       max(abs(a.y - b.y)) AS farthest_y,
       round(sum(photons(a.diffraction, 'amplitude'))) AS photons_a,
       round(sum(photons(b.diffraction))) AS photons_b,
       round(max(abs(photons(a.diffraction, 'amplitude') / photons(b.diffraction) - 1)), 6) AS largest_difference
FROM siemens_star.scan AS a JOIN siemens_star_counts_deflated.scan AS b ON a.frame_index = b.frame_index
