export {PgArray} from './datum.ts';
