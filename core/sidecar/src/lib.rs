//! Claire: what happened, written down. Journal, stores, histograms; the only tokio and SQL.
