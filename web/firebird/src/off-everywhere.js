firebird.off(true);
