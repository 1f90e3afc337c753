//! Points to the `d` of an SVG path, in a box that the page stretches to whatever width there is.

use std::fmt::Write as _;

/// The box's width and height in its own units; strokes and text do not stretch with it.
pub(crate) const WIDTH: f64 = 1000.0;
/// Its height.
pub(crate) const HEIGHT: f64 = 400.0;

/// A point: its places along the axes, 0 to 1; none where nothing was seen.
pub(crate) type Point = (f64, Option<f64>);

/// A line through the points, parted where one is missing. A point alone is a stroke without length, which the round end of
/// the stroke makes visible.
pub(crate) fn line(points: impl IntoIterator<Item = Point>) -> String {
    let mut path = String::new();
    let (mut drawing, mut alone) = (false, false);
    for (x, y) in points {
        match y {
            Some(y) => {
                put(&mut path, if drawing { 'L' } else { 'M' }, x, y);
                (alone, drawing) = (!drawing, true);
            }
            None => {
                path.push_str(if alone { "h0" } else { "" });
                (drawing, alone) = (false, false);
            }
        }
    }
    path.push_str(if alone { "h0" } else { "" });
    path
}

/// A dot at each point.
pub(crate) fn dots(points: impl IntoIterator<Item = Point>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        if let Some(y) = y {
            put(&mut path, 'M', x, y);
            path.push_str("h0");
        }
    }
    path
}

/// A level from each point to the next one; the last point ends the last level.
pub(crate) fn steps(points: &[Point]) -> Vec<Point> {
    points.windows(2).flat_map(|pair| [(pair[0].0, pair[0].1), (pair[1].0, pair[0].1)]).collect()
}

/// What lies between two lines over the same places.
pub(crate) fn area(lower: &[Point], upper: &[Point]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in upper.iter().chain(lower.iter().rev()).enumerate() {
        put(&mut path, if index == 0 { 'M' } else { 'L' }, *x, y.unwrap_or(0.0));
    }
    if !path.is_empty() {
        path.push('Z');
    }
    path
}

fn put(path: &mut String, command: char, x: f64, y: f64) {
    let (x, y) = (tenths(x * WIDTH), tenths((1.0 - y) * HEIGHT));
    write!(path, "{command}{x} {y}").expect("a string takes every text");
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parted_where_nothing_was_seen() {
        let points = [(0.0, Some(0.0)), (0.5, Some(1.0)), (0.6, None), (0.7, Some(0.5)), (0.8, None), (1.0, Some(1.0))];
        assert_eq!(line(points), "M0 400L500 0M700 200h0M1000 0h0");
        assert_eq!(line([(0.5, None)]), "");
        assert_eq!(dots(points), "M0 400h0M500 0h0M700 200h0M1000 0h0");
    }

    #[test]
    fn a_step_holds_its_level_until_the_next() {
        let points = [(0.0, Some(0.25)), (0.5, Some(0.75)), (1.0, None)];
        assert_eq!(line(steps(&points)), "M0 300L500 300L500 100L1000 100");
    }

    #[test]
    fn an_area_goes_there_above_and_back_below() {
        let (lower, upper) = ([(0.0, Some(0.0)), (1.0, Some(0.0))], [(0.0, Some(0.5)), (1.0, Some(1.0))]);
        assert_eq!(area(&lower, &upper), "M0 200L1000 0L1000 400L0 400Z");
        assert_eq!(area(&[], &[]), "");
    }
}
