firebird.order(firebirdOrder);
