//! Two arms, or two results, held against each other: figures with their intervals, and what they come to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named_enum;

named_enum! {
    /// How two values are held against each other.
    pub enum Scale {
        /// The other divided by the base: what times and rates differ by.
        Ratio = "ratio",
        /// The other less the base: what counts differ by.
        Difference = "difference",
    }
}

/// One figure of two arms that were repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmComparison {
    /// The arm that the other is held against.
    pub base: String,
    /// The other arm.
    pub other: String,
    /// The figure's path in an arm's document: `latency_ms.login.p99`; of `outcomes_pct` every end that any attempt of the
    /// two came to.
    pub metric: String,
    /// How the two are held against each other.
    pub scale: Scale,
    /// The rounds in which both arms have the figure.
    pub repetitions: u32,
    /// The base's mean over its repetitions: geometric for a ratio, arithmetic for a difference.
    pub base_mean: f64,
    /// The other's.
    pub other_mean: f64,
    /// By how much they differ.
    pub estimate: f64,
    /// The lower end of its interval: with 95 % confidence all intervals of the run hold at once. Half of the 5 % is for the
    /// figures of `outcomes_pct`, half for the others.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Whether the interval excludes that the arms are equal.
    pub different: bool,
}

named_enum! {
    /// What one figure came to, base against new.
    pub enum Change {
        /// Worse by more than the tolerance.
        Regressed = "regressed",
        /// Better by more than the tolerance.
        Improved = "improved",
        /// Within the tolerance, below the figure's floor, or within what the repetitions vary by.
        Unchanged = "unchanged",
        /// One of the two results does not have it.
        Missing = "missing",
    }
}

/// What `closewait report --compare BASE NEW` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// `closewait.comparison/1`
    pub schema: String,
    /// The result that the other is held against.
    pub base: String,
    /// The other result.
    pub new: String,
    /// How much worse a figure may be, in percent of the base's. Whatever it is, a difference of up to 0.05 ms of a latency,
    /// 1 attempt a second, 64 ports or 10 sockets is no change: the floor of the figure. That of a share of the attempts
    /// (`outcomes_pct`) is 1 point of a hundred, or three standard errors of so many attempts where that is more.
    pub tolerance_pct: f64,
    /// A figure of one arm each: what became of its attempts first.
    pub rows: Vec<ComparisonRow>,
    /// Arms of the base that the new result does not have or did not play to their end, expectations that hold in the base
    /// and fail in the new result, and failures that only the new one has.
    pub broken: Vec<String>,
    /// What a reader must know: settings that differ, results without repetitions.
    pub notices: Vec<String>,
    /// Whether nothing regressed and nothing broke.
    pub passed: bool,
}

impl Comparison {
    /// The name and version of the document's schema.
    pub const SCHEMA: &'static str = "closewait.comparison/1";
}

/// One figure of one arm in both results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonRow {
    /// The arm.
    pub arm: String,
    /// The figure's path in an arm's document. Of `outcomes_pct` a fall of `logged_in` is worse, and of any other end what it
    /// took from better ones or from its equals: a refused login is better than one without an answer, and that is better
    /// than none that left this host (`ports_exhausted`, `descriptors_exhausted`, `capped`).
    pub metric: String,
    /// The base's value: the mean over its repetitions, or of its one; null where it has none.
    pub base: Option<f64>,
    /// The new one's.
    pub new: Option<f64>,
    /// By how much the new one is higher, in percent of the base; null where the base is 0 or one is missing.
    pub change_pct: Option<f64>,
    /// The lower end of the change's interval, in percent; null without three repetitions on both sides.
    pub low_pct: Option<f64>,
    /// The upper end.
    pub high_pct: Option<f64>,
    /// What it came to.
    pub change: Change,
    /// Whether it is unchanged only because the difference, though beyond the tolerance, is not above the figure's floor
    /// (0.05 ms, 1 attempt a second, 64 ports, 10 sockets, 1 point or three standard errors of a share).
    #[serde(default)]
    pub below_floor: bool,
    /// Whether it is unchanged, though better by more than the tolerance, because more of the arm's attempts failed: its
    /// times and ports are those of others.
    #[serde(default)]
    pub not_alike: bool,
}
