-- Which scan points lie closer together than a tenth of a pixel? Each pair once, the closest first.
SELECT scan_point, neighbor, distance
FROM neighbors
WHERE distance < 0.1 AND scan_point < neighbor
ORDER BY distance, scan_point
