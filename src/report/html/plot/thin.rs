//! Fewer points that look the same: every column's lowest and highest value of each stretch stays.

/// Which of the rows to draw, at most about `most`: in each of some equal stretches those with a column's smallest or largest
/// value, and the first and the last.
///
/// Every value drawn is one that was measured, and no peak is lost. The choice not taken: averages, which show what never
/// was; and largest-triangle-three-buckets, which picks for one column and may drop another's peak.
pub(crate) fn thin(columns: &[Vec<Option<f64>>], most: usize) -> Vec<usize> {
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    if rows <= most {
        return (0..rows).collect();
    }
    let mut stretches = most / 2;
    loop {
        let kept = extremes(columns, rows, stretches.max(1));
        if kept.len() <= most || stretches <= 1 {
            return kept;
        }
        stretches = stretches * 3 / 4;
    }
}

fn extremes(columns: &[Vec<Option<f64>>], rows: usize, stretches: usize) -> Vec<usize> {
    let mut kept = vec![0, rows - 1];
    for stretch in 0..stretches {
        let (from, to) = (stretch * rows / stretches, (stretch + 1) * rows / stretches);
        for column in columns {
            let seen = || (from..to).filter_map(|row| Some((row, (*column.get(row)?)?)));
            kept.extend(seen().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row));
            // The first of equals, so that an even stretch keeps one point and not two.
            kept.extend(seen().rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row));
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_stay_as_they_are() {
        assert_eq!(thin(&[vec![Some(1.0), None, Some(3.0)]], 10), [0, 1, 2]);
        assert_eq!(thin(&[], 10), Vec::<usize>::new());
    }

    #[test]
    fn no_columns_peak_is_lost_among_many() {
        let mut columns = vec![vec![Some(5.0); 100_000], vec![Some(7.0); 100_000]];
        columns[0][31_415] = Some(99.0);
        columns[1][27_182] = Some(0.0);
        columns[1][5] = None;
        let kept = thin(&columns, 1000);
        assert!(kept.len() <= 1000 && kept.is_sorted(), "{}", kept.len());
        assert!(kept.contains(&31_415) && kept.contains(&27_182) && kept.contains(&0) && kept.contains(&99_999));
    }

    #[test]
    fn noise_keeps_its_envelope() {
        let noise: Vec<_> = (0..50_000u64).map(|n| Some((n.wrapping_mul(2_654_435_761) % 1000) as f64)).collect();
        let kept = thin(std::slice::from_ref(&noise), 1000);
        assert!((500..=1000).contains(&kept.len()), "{}", kept.len());
        let high = kept.iter().filter(|row| noise[**row] > Some(980.0)).count();
        assert!(high > kept.len() / 3, "{high} of {}", kept.len());
    }
}
