//! Draws progress bars: one per task that takes long, on a terminal only.

use std::io::IsTerminal;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Progress, Step, Unit};

/// A process has one terminal, and so one set of bars.
static BARS: LazyLock<Bars> = LazyLock::new(Bars::default);

/// A task that takes less time than this is done before anybody could read its bar.
const WORTH_SHOWING: Duration = Duration::from_millis(200);

/// Holds the bars of the tasks that are under way.
#[derive(Default)]
struct Bars {
    drawn: MultiProgress,
    tasks: Mutex<Vec<Task>>,
}

struct Task {
    name: String,
    begun: Instant,
    bar: Option<ProgressBar>,
}

/// Returns a progress that draws bars if stderr is a terminal.
pub fn shown() -> Progress {
    if is_watched() {
        Progress::new(|step| BARS.show(step))
    } else {
        Progress::default()
    }
}

/// Returns whether people watch stderr.
fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Runs something that writes to the terminal while no bars are drawn.
pub fn suspended<T>(run: impl FnOnce() -> T) -> T {
    if is_watched() {
        BARS.drawn.suspend(run)
    } else {
        run()
    }
}

/// Removes the bars of tasks that failed before they were done.
pub fn clear() {
    BARS.tasks().drain(..).for_each(Task::finish);
}

impl Bars {
    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, step: &Step<'_>) {
        let mut tasks = self.tasks();
        let known = tasks.iter().position(|task| task.name == step.task);
        let at = known.unwrap_or_else(|| {
            tasks.push(Task::new(step.task));
            tasks.len() - 1
        });
        if step.total == Some(step.done) {
            tasks.remove(at).finish();
        } else {
            tasks[at].show(step, &self.drawn);
        }
    }
}

impl Task {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            begun: Instant::now(),
            bar: None,
        }
    }

    fn show(&mut self, step: &Step<'_>, drawn: &MultiProgress) {
        if self.bar.is_none() && self.begun.elapsed() >= WORTH_SHOWING {
            let bar = ProgressBar::no_length().with_style(style(step));
            self.bar = Some(drawn.add(bar.with_prefix(self.name.clone())));
        }
        if let Some(bar) = &self.bar {
            step.total
                .into_iter()
                .for_each(|total| bar.set_length(total));
            bar.set_position(step.done);
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(step: &Step<'_>) -> ProgressStyle {
    let template = match (step.unit, step.total) {
        (Unit::Bytes, Some(_)) => "{prefix}: {bar:40} {bytes} of {total_bytes}, {eta} left",
        (Unit::Bytes, None) => "{prefix}: {bytes}, {elapsed}",
        (Unit::Rows, Some(_)) => "{prefix}: {bar:40} {human_pos} of {human_len} rows, {eta} left",
        (Unit::Rows, None) => "{prefix}: {human_pos} rows, {elapsed}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_forgotten_once_it_is_done() {
        let bars = Bars::default();
        let step = |task, done, total| Step {
            task,
            unit: Unit::Rows,
            done,
            total,
        };
        bars.show(&step("a", 1, Some(3)));
        bars.show(&step("b", 1, None));
        bars.show(&step("a", 2, Some(3)));
        assert_eq!(bars.tasks().len(), 2);
        bars.show(&step("a", 3, Some(3)));
        bars.show(&step("b", 7, Some(7)));
        assert!(bars.tasks().is_empty());
    }
}
