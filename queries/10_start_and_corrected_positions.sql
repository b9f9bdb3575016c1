-- How far did the position correction move the positions? A mean that is not near zero is a shift of the whole scan.
SELECT count(*) AS positions,
       count(*) FILTER (WHERE x <> x_start OR y <> y_start) AS moved,
       round(avg(x - x_start), 3) AS mean_dx,
       round(avg(y - y_start), 3) AS mean_dy,
       round(max(sqrt(power(x - x_start, 2) + power(y - y_start, 2))), 3) AS farthest
FROM scan
