export {PgRecord} from './datum.ts';
