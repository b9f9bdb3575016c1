-- Did the detector hand out the same frame twice? The most alike of frames that follow each other; 1 is the same.
SELECT a.scan_point, b.scan_point AS next, round(correlation(a.diffraction, b.diffraction), 4) AS correlation
FROM scan AS a JOIN scan AS b ON b.scan_point = a.scan_point + 1
ORDER BY correlation DESC, a.scan_point
LIMIT 5
