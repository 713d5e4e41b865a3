# Reads the output of cargo test, or of test programs run one after another with a line "Running NAME" before each,
# and ends with one summary. Exit status 1 if anything failed.

function finish_program() {
    if (program != "" && !has_result) {
        failures[++failure_count] = program ": ended before its tests were done"
        passed += seen_ok
        skipped += seen_ignored
        failed += seen_failed + 1
    }
    program = ""
    seen_ok = seen_failed = seen_ignored = 0
}

{ gsub(/\033\[[0-9;]*m/, "") }

/^ *Running / || /^ *Doc-tests / {
    finish_program()
    program = $0
    sub(/^ *Running (unittests )?/, "", program)
    sub(/^ *Doc-tests /, "documentation of ", program)
    sub(/ \(.*\/deps\//, " (", program)
    sub(/-[0-9a-f]+\)$/, ")", program)
    has_result = 0
}
/^test .* \.\.\. ok/ { seen_ok++ }
/^test .* \.\.\. FAILED/ {
    seen_failed++
    name = $0
    sub(/^test +/, "", name)
    sub(/ *(\.\.\.)? *FAILED.*/, "", name)
    failures[++failure_count] = program ": " name
}
/^test .* \.\.\. ignored/ {
    seen_ignored++
    name = $0
    sub(/^test +/, "", name)
    skips[++skip_count] = program ": " name
}
/^test result: / {
    has_result = 1
    for (i = 1; i < NF; i++) {
        if ($(i + 1) ~ /^passed/) passed += $i
        if ($(i + 1) ~ /^failed/) failed += $i
        if ($(i + 1) ~ /^ignored/) skipped += $i
    }
}
/^error: could not compile / {
    failures[++failure_count] = $0
    failed++
}
/^cargo: failed/ { cargo_failed = 1 }

END {
    finish_program()
    if (cargo_failed && !failed) {
        failures[++failure_count] = "cargo test itself failed; its message is above"
        failed++
    }
    print ""
    if (skip_count) print "skipped:"
    for (i = 1; i <= skip_count; i++) print "  " skips[i]
    if (failure_count) print "failed:"
    for (i = 1; i <= failure_count; i++) print "  " failures[i]
    printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
    exit failed ? 1 : 0
}
