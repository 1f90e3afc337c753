//! One plot: its axes, its series, and the markup that shows it without a script.
//!
//! The box of the plot is an SVG that stretches with the page, and all text around it is HTML, so that letters keep their size at
//! every width. The choice not taken: text inside the SVG, which a telephone shows at a third of its size.

use maud::{Markup, html};
use serde::Serialize;

use super::path::{self, HEIGHT, Point, WIDTH};
use super::scale::Scale;

/// One plot.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Panel {
    /// Its anchor on the page.
    pub(crate) id: String,
    /// What tells it from the figure's others; an arm's name, say.
    #[serde(skip)]
    pub(crate) title: String,
    /// Panels of one group have one scale, so that their heights compare.
    pub(crate) group: &'static str,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    /// Series lie on each other rather than over each other.
    pub(crate) stacked: bool,
    /// Values hold until the next place, which the last place ends.
    pub(crate) step: bool,
    /// The places that series share.
    pub(crate) xs: Vec<Vec<Number>>,
    pub(crate) series: Vec<Series>,
    /// Lines across the box at a place of the x axis, and what they are.
    #[serde(skip)]
    pub(crate) rules: Vec<(f64, String)>,
    /// Places that findings speak of.
    #[serde(skip)]
    pub(crate) marks: Vec<Mark>,
}

/// One row of values.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Series {
    /// The legend's entries that it belongs to; it is hidden with any of them.
    pub(crate) keys: Vec<String>,
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) look: Look,
    /// `c3 dash`: the look again, for the script's own legend.
    pub(crate) class: String,
    /// Which of the panel's places.
    #[serde(rename = "xs")]
    pub(crate) places: usize,
    #[serde(rename = "ys")]
    pub(crate) values: Vec<Option<Number>>,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Which colour of the style sheet.
    pub(crate) colour: usize,
    pub(crate) stroke: Stroke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stroke {
    Solid,
    Dashed,
    /// Short, with a dot at each value.
    Dotted,
    /// A line with a dot at each value.
    Beaded,
}

impl Look {
    pub(crate) const fn solid(colour: usize) -> Self {
        Self { colour, stroke: Stroke::Solid }
    }

    pub(crate) fn class(self) -> String {
        let stroke = match self.stroke {
            Stroke::Solid => "",
            Stroke::Dashed => " dash",
            Stroke::Dotted => " dot bead",
            Stroke::Beaded => " bead",
        };
        format!("c{}{stroke}", self.colour)
    }
}

impl Series {
    pub(crate) fn new(
        keys: &[&str],
        name: impl Into<String>,
        look: Look,
        places: usize,
        values: Vec<Option<f64>>,
    ) -> Self {
        let values = values.into_iter().map(|value| value.map(Number)).collect();
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Self { keys, name: name.into(), look, class: look.class(), places, values }
    }

    /// The largest value.
    pub(crate) fn most(&self) -> f64 {
        self.values.iter().flatten().map(|value| value.0).fold(0.0, f64::max)
    }
}

/// A place that a finding speaks of: from and to as places along the x axis, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    /// The finding's number on the page.
    pub(crate) number: usize,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// A number as JSON writes it shortest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl Number {
    /// To four digits that count.
    pub(crate) fn measured(value: f64) -> f64 {
        if value == 0.0 || !value.is_finite() {
            return 0.0;
        }
        let unit = 10f64.powi(3 - value.abs().log10().floor() as i32);
        (value * unit).round() / unit
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl Panel {
    fn points(&self, series: &Series) -> Vec<Point> {
        let xs = self.xs[series.places].iter().map(|x| self.x.at(x.0));
        let ys = series.values.iter().map(|value| value.map(|value| self.y.at(value.0)));
        let mut points: Vec<Point> = xs.clone().zip(ys.chain(std::iter::repeat(None))).collect();
        if self.step {
            points.truncate(series.values.len() + 1);
            points = path::steps(&points);
        }
        points
    }

    /// Each series' `d`, in order, and the dots of those that have some.
    fn paths(&self) -> Vec<(String, Option<String>)> {
        if !self.stacked {
            let drawn = |series: &Series| {
                let points = self.points(series);
                let dots = matches!(series.look.stroke, Stroke::Beaded | Stroke::Dotted)
                    .then(|| path::dots(points.iter().copied()));
                (path::line(points), dots)
            };
            return self.series.iter().map(drawn).collect();
        }
        let mut below: Vec<Point> = Vec::new();
        let mut paths = Vec::new();
        for series in &self.series {
            let own = self.points(series);
            if below.is_empty() {
                below = own.iter().map(|(x, _)| (*x, Some(0.0))).collect();
            }
            let raised = |(low, (x, y)): (&Point, &Point)| (*x, Some(low.1.unwrap_or(0.0) + y.unwrap_or(0.0)));
            let above: Vec<Point> = below.iter().zip(&own).map(raised).collect();
            paths.push((path::area(&below, &above), None));
            below = above;
        }
        paths
    }

    /// The plot as it stands without a script.
    pub(crate) fn markup(&self) -> Markup {
        let (x_ticks, y_ticks) = (self.x.ticks(), self.y.ticks());
        let crowded = x_ticks.len() > 5;
        html! {
            div.panel id=(self.id) {
                @if !self.title.is_empty() { h4 { (self.title) } }
                div.plot tabindex="0" role="group" aria-label=(self.spoken()) {
                    div.ys aria-hidden="true" { @for tick in &y_ticks { span style={ "bottom:" (percent(tick.at)) } { (tick.label) } } }
                    div.xs aria-hidden="true" {
                        @for (index, tick) in x_ticks.iter().enumerate() {
                            span.odd[crowded && index % 2 == 1] style={ "left:" (percent(tick.at)) } { (tick.label) }
                        }
                    }
                    svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                        path.grid d=(grid(y_ticks.iter().map(|tick| tick.at))) {}
                        @for (series, (d, dots)) in self.series.iter().zip(self.paths()) {
                            path class={ (if self.stacked { "area " } else { "line " }) (series.class) } d=(d) {}
                            @if let Some(dots) = dots { path class={ "dots " (series.class) } d=(dots) {} }
                        }
                    }
                    @for (at, label) in &self.rules {
                        div.rule style={ "left:" (percent(self.x.at(*at))) } { span { (label) } }
                    }
                    @for (index, mark) in self.marks.iter().enumerate() {
                        div.band data-finding=(mark.number)
                            style={ "left:" (percent(mark.from)) ";width:" (percent((mark.to - mark.from).max(0.0))) } {}
                        a.mark href={ "#finding-" (mark.number) }
                            style={ "left:" (percent(mark.from)) ";--above:" (self.marks_above(index)) }
                            aria-label={ "finding " (mark.number) } { (mark.number) }
                    }
                }
            }
        }
    }

    /// How many marks stand above this one, so that those of one place do not lie on each other.
    fn marks_above(&self, index: usize) -> usize {
        let here = self.marks[index].from;
        self.marks[..index].iter().filter(|mark| (mark.from - here).abs() < 0.04).count()
    }

    /// What a screen reader says of it.
    fn spoken(&self) -> String {
        let names: Vec<_> = self.series.iter().map(|series| series.name.as_str()).collect();
        let title = if self.title.is_empty() { "plot" } else { &self.title };
        format!("{title}: {}. Arrow keys read the values.", names.join(", "))
    }
}

fn grid(places: impl Iterator<Item = f64>) -> String {
    let mut d = String::new();
    for at in places {
        d.push_str(&format!("M0 {:.1}H{WIDTH}", (1.0 - at) * HEIGHT));
    }
    d
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::unit::Unit;
    use super::*;

    fn panel(stacked: bool, step: bool) -> Panel {
        let series = |key, values| Series::new(&[key], key, Look::solid(0), 0, values);
        Panel {
            id: "p".into(),
            title: "<leaky>".into(),
            group: "all",
            x: Scale::exactly(2.0, Unit::Seconds),
            y: Scale::up_to(4.0, Unit::Count),
            stacked,
            step,
            xs: vec![[0.0, 1.0, 2.0].map(Number).to_vec()],
            series: vec![
                series("a", vec![Some(1.0), Some(2.0), Some(1.0)]),
                series("b", vec![Some(1.0), Some(2.0), None]),
            ],
            rules: vec![(1.0, "half".into())],
            marks: vec![Mark { number: 3, from: 0.5, to: 0.75 }],
        }
    }

    #[test]
    fn the_second_lies_on_the_first() {
        let paths = panel(true, false).paths();
        assert_eq!(paths[0].0, "M0 300L500 200L1000 300L1000 400L500 400L0 400Z");
        assert_eq!(paths[1].0, "M0 200L500 0L1000 300L1000 300L500 200L0 300Z");
    }

    #[test]
    fn a_step_holds_each_value_until_the_next_place() {
        let mut panel = panel(false, true);
        panel.series[0].values.pop();
        assert_eq!(panel.paths()[0].0, "M0 300L500 300L500 200L1000 200");
    }

    #[test]
    fn the_structure_of_a_panel() {
        insta::assert_snapshot!(panel(true, false).markup().into_string().replace('>', ">\n"));
    }

    #[test]
    fn numbers_are_written_short() {
        let text = serde_json::to_string(&[0.0, 2000.0, 1.5, Number::measured(0.123_456)].map(Number)).unwrap();
        assert_eq!(text, "[0,2000,1.5,0.1235]");
    }
}
