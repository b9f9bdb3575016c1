-- Which frames are dead, saturated or damaged? Less than a tenth of the median sum; three pixels or more at the scan's
-- highest value; any pixel that is no number.
WITH frames AS (SELECT scan_point, frame_index, pattern_sum(diffraction) AS total, pattern_not_finite(diffraction) AS bad,
                       pattern_saturated(diffraction, (SELECT max(pattern_max(diffraction)) FROM scan)) AS saturated
                FROM scan),
     usual AS (SELECT median(total) AS total FROM frames)
SELECT count(*) AS frames,
       count(*) FILTER (WHERE frames.total < usual.total / 10) AS dead,
       count(*) FILTER (WHERE saturated >= 3) AS saturated,
       count(*) FILTER (WHERE bad > 0) AS damaged
FROM frames CROSS JOIN usual
