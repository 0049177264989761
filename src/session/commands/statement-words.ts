/** SQL words of statements whose tree node has another name. */
const WORDS: Readonly<Record<string, string>> = {
  AlterDefaultPrivilegesStmt: 'ALTER DEFAULT PRIVILEGES',
  AlterFdwStmt: 'ALTER FOREIGN DATA WRAPPER',
  AlterOpFamilyStmt: 'ALTER OPERATOR FAMILY',
  AlterTSConfigurationStmt: 'ALTER TEXT SEARCH CONFIGURATION',
  AlterTSDictionaryStmt: 'ALTER TEXT SEARCH DICTIONARY',
  CheckPointStmt: 'CHECKPOINT',
  CreateAmStmt: 'CREATE ACCESS METHOD',
  CreateConversionStmt: 'CREATE CONVERSION',
  CreateEventTrigStmt: 'CREATE EVENT TRIGGER',
  CreateFdwStmt: 'CREATE FOREIGN DATA WRAPPER',
  CreateForeignServerStmt: 'CREATE SERVER',
  CreateOpClassStmt: 'CREATE OPERATOR CLASS',
  CreateOpFamilyStmt: 'CREATE OPERATOR FAMILY',
  CreatePLangStmt: 'CREATE LANGUAGE',
  CreateStatsStmt: 'CREATE STATISTICS',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  CreateTrigStmt: 'CREATE TRIGGER',
  DefineStmt: 'CREATE AGGREGATE, OPERATOR, COLLATION, TEXT SEARCH or a base type',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  RefreshMatViewStmt: 'REFRESH MATERIALIZED VIEW',
  RuleStmt: 'CREATE RULE',
  SecLabelStmt: 'SECURITY LABEL',
};

/** What a statement is called in SQL, by the name of its tree node. */
export function statementWords(node: string): string {
  return (
    WORDS[node] ??
    node
      .replace(/Stmt$/, '')
      .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
      .toUpperCase()
  );
}
