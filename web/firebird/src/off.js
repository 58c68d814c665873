firebird.off(false);
