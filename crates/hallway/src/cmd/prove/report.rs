//! Results as text and in machine-readable formats.

use std::time::Duration;

use hallway_view::json::{Predicted, TestReport, TestResult, Version};
use hallway_view::style::{DIM, GREEN, RED, styled};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::grid;
use super::proof::{Proof, Row};
use super::words::{failure, name, reason};
use crate::args::{Common, ReportFormat};
use crate::ui;

/// For `up --test`: prints the results; returns whether anything failed.
pub(crate) fn report_failures(common: &Common, proof: &Proof) -> bool {
    print(common, proof, ReportFormat::Text, false);
    proof.failed() > 0
}

/// Prints results, as a grid with `matrix`.
pub(crate) fn print(common: &Common, proof: &Proof, format: ReportFormat, matrix: bool) {
    match format {
        ReportFormat::Json => ui::json(&shape(proof)),
        ReportFormat::Tap => ui::out(&tap(proof)),
        ReportFormat::Junit => ui::out(&junit(proof)),
        ReportFormat::Text if common.quiet => ui::text(&list(common, proof, |row| !row.passes())),
        ReportFormat::Text if matrix => {
            ui::text(&grid::text(proof, ui::columns()));
            summary(common, proof);
        }
        ReportFormat::Text => {
            ui::text(&list(common, proof, |_| true));
            summary(common, proof);
        }
    }
}

fn summary(common: &Common, proof: &Proof) {
    let measured = proof.rows.iter().any(|r| r.measured.is_some());
    if !measured {
        return;
    }
    let (total, failed) = (proof.rows.len(), proof.failed());
    let count = |which: fn(&&Row) -> bool| proof.rows.iter().filter(which).count();
    let differ = count(|r| !r.agrees() && !r.is_without_result());
    let without = count(|r| r.is_without_result());
    let mut words = format!("{} passed", total - failed);
    if failed > 0 {
        words.push_str(&format!(", {failed} failed"));
    }
    if differ > 0 {
        words.push_str(&format!(", {differ} different from the prediction"));
    }
    if without > 0 {
        words.push_str(&format!(", {without} without a result"));
    }
    ui::note(common, format!("{words} ({})", ui::duration(proof.elapsed)));
}

/// With `--verbose` each row has its reason.
fn list(common: &Common, proof: &Proof, shown: fn(&Row) -> bool) -> String {
    let rows: Vec<&Row> = proof.rows.iter().filter(|row| shown(row)).collect();
    let names: Vec<String> = rows.iter().map(|row| name(row)).collect();
    let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (row, name) in rows.into_iter().zip(&names) {
        let mark = if row.passes() {
            styled(GREEN, "pass")
        } else {
            styled(RED, "FAIL")
        };
        out.push_str(&format!("{mark}  {name:width$}  {}\n", row.outcome()));
        if !row.passes() {
            out.push_str(&format!("      {}\n", failure(row, &proof.file)));
        } else if !row.agrees() {
            let words = format!("      although predicted {}", row.path.outcome);
            out.push_str(&format!("{}\n", styled(DIM, words)));
        } else if common.verbose > 0 {
            let words = format!("      because {}", reason(row, &proof.file));
            out.push_str(&format!("{}\n", styled(DIM, words)));
        }
    }
    out
}

fn shape(proof: &Proof) -> TestReport<'_> {
    TestReport {
        schema_version: Version,
        project: &proof.project,
        file: &proof.file,
        passed: proof.rows.len() - proof.failed(),
        failed: proof.failed(),
        elapsed_us: proof.elapsed.as_micros() as u64,
        results: proof.rows.iter().map(result).collect(),
    }
}

fn result(row: &Row) -> TestResult<'_> {
    TestResult {
        from: &row.path.from,
        to: &row.path.to,
        address: row.path.address,
        service: row.path.service,
        expected: row.expected.as_ref().map(|e| e.reachable),
        line: row.expected.as_ref().map(|e| e.place.line),
        file: (row.expected.as_ref())
            .map(|e| e.place.file(""))
            .filter(|file| !file.is_empty()),
        predicted: Predicted::of(&row.path),
        measured: row.measured.as_ref(),
        agrees: row.agrees(),
        program: row.no_service.as_deref(),
        pass: row.passes(),
    }
}

/// The Test Anything Protocol, version 13 (<https://testanything.org>).
fn tap(proof: &Proof) -> String {
    let mut out = format!("TAP version 13\n1..{}\n", proof.rows.len());
    for (position, row) in proof.rows.iter().enumerate() {
        let not = if row.passes() { "" } else { "not " };
        out.push_str(&format!("{not}ok {} - {}\n", position + 1, name(row)));
        if !row.passes() {
            out.push_str(&format!("# {}\n", failure(row, &proof.file)));
        }
    }
    out
}

fn junit(proof: &Proof) -> String {
    let mut suite = TestSuite::new(proof.project.clone());
    suite.set_time(proof.elapsed);
    for row in &proof.rows {
        let status = if row.passes() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(failure(row, &proof.file));
            status
        };
        let mut case = TestCase::new(name(row), status);
        let expected = row.expected.as_ref();
        let file = expected.map_or(proof.file.as_str(), |e| e.place.file(&proof.file));
        case.set_classname(file);
        let latency = row.measured.as_ref().and_then(|m| m.latency_us);
        case.set_time(Duration::from_micros(latency.unwrap_or_default()));
        suite.add_test_case(case);
    }
    let mut report = Report::new("hallway test");
    report.add_test_suite(suite);
    report.to_string().unwrap_or_default()
}
