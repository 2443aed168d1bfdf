-- What strategies ran, and what became of each version that was saved while they did. Tokens as in 0001.

-- A script's text that ran, once for each strategy of a run. Its seq is that of the reload that brought it, 0 of
-- what the run began with, which has no time of its own; parameters are those in force, as name=value.
CREATE TABLE scripts (
    run_id TEXT NOT NULL REFERENCES runs,
    strategy_id {ns} NOT NULL,
    sha256 TEXT NOT NULL,
    seq {ns} NOT NULL,
    time_ns {ns},
    name TEXT NOT NULL,
    file TEXT NOT NULL,
    parameters {json} NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run_id, strategy_id, sha256)
) {strict};

-- What became of a version: live, refused or rolled_back. A refused one has no number, and no hash where its file
-- could not be read. The version that it is named from had the seat before, and goes on where this one does not.
CREATE TABLE script_reloads (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    outcome TEXT NOT NULL,
    version {ns},
    sha256 TEXT,
    version_from {ns} NOT NULL,
    sha256_from TEXT,
    carried {ns},
    fresh {ns},
    dropped {ns},
    reason TEXT NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};
