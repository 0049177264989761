// DatabaseMetaData: what tools read of a database before they show it.
import java.sql.*;
import java.util.TreeSet;

class MetaData {
  static void table(String label, ResultSet set) throws SQLException {
    ResultSetMetaData m = set.getMetaData();
    StringBuilder names = new StringBuilder();
    for (int i = 1; i <= m.getColumnCount(); i++) names.append(m.getColumnName(i)).append(i == m.getColumnCount() ? "" : " ");
    Client.say(label, names);
    while (set.next()) {
      StringBuilder row = new StringBuilder();
      for (int i = 1; i <= m.getColumnCount(); i++) {
        row.append(i == 1 ? "" : " | ").append(cell(m.getColumnName(i), set.getObject(i)));
      }
      Client.say("  " + label, row);
    }
    set.close();
  }

  /** What depends on the database's name, on OIDs or on statistics is not compared. */
  static String cell(String column, Object value) {
    if (value != null && (column.toUpperCase().endsWith("_CAT") || column.equals("CARDINALITY") || column.equals("PAGES"))) return "-";
    String text = Client.show(value);
    return column.equalsIgnoreCase("SPECIFIC_NAME") ? text.replaceAll("_[0-9]+$", "") : text;
  }

  static void all(Connection db) throws SQLException {
    System.out.println("# metadata");
    DatabaseMetaData m = db.getMetaData();
    table("tables", m.getTables(null, "public", "%", null));
    table("views", m.getTables(null, null, "seen", new String[] {"VIEW"}));
    table("system tables", m.getTables(null, "pg_catalog", "pg\\_am%", new String[] {"SYSTEM TABLE"}));
    table("columns", m.getColumns(null, "public", "keyed", "%"));
    table("generated columns", m.getColumns(null, "public", "gen", "%"));
    table("view columns", m.getColumns(null, "public", "seen", null));
    table("primary keys", m.getPrimaryKeys(null, "public", "keyed"));
    table("imported keys", m.getImportedKeys(null, "public", "keyed"));
    table("exported keys", m.getExportedKeys(null, "public", "keyed"));
    table("cross reference", m.getCrossReference(null, "public", "keyed", null, "public", "keyed"));
    table("indexes", m.getIndexInfo(null, "public", "keyed", false, true));
    table("unique indexes", m.getIndexInfo(null, "public", "gen", true, false));
    table("best row", m.getBestRowIdentifier(null, "public", "keyed", DatabaseMetaData.bestRowSession, false));
    table("version columns", m.getVersionColumns(null, "public", "keyed"));
    table("privileges", m.getTablePrivileges(null, "public", "keyed"));
    table("column privileges", m.getColumnPrivileges(null, "public", "keyed", "a"));
    table("functions", m.getFunctions(null, "public", "%"));
    table("function columns", m.getFunctionColumns(null, "public", "twice", "%"));
    table("procedures", m.getProcedures(null, "public", "%"));
    table("procedure columns", m.getProcedureColumns(null, "public", "twice", "%"));
    table("user types", m.getUDTs(null, "public", "%", null));
    table("schemas like", m.getSchemas(null, "pub%"));
    table("table types", m.getTableTypes());
    table("client info", m.getClientInfoProperties());
    int types = 0;
    TreeSet<String> shown = new TreeSet<>();
    ResultSet set = m.getTypeInfo();
    while (set.next()) {
      String name = set.getString("TYPE_NAME");
      if (name.matches("bool|int[248]|text|varchar|numeric|timestamptz|uuid|jsonb|_int4|mood|positive|address|serial"))
        shown.add(name + " " + set.getInt("DATA_TYPE") + " " + set.getInt("PRECISION") + " " + set.getString("LITERAL_PREFIX") + " " + set.getShort("SEARCHABLE") + " " + set.getBoolean("AUTO_INCREMENT"));
      types++;
    }
    for (String type : shown) Client.say("  type", type);
    Client.say("types", types > 100);
    Client.say("limits", m.getMaxColumnNameLength(), m.getMaxConnections(), m.getMaxIndexLength(), m.getSQLKeywords().length() > 100, m.getDefaultTransactionIsolation(),
        m.supportsTransactionIsolationLevel(8), m.getNumericFunctions().length() > 0, m.getIdentifierQuoteString(), m.supportsSavepoints());
  }
}
