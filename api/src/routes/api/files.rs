//! Files of a session's workspace. Which session and which path stand in the query; a body may name them instead.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::BlobHash;
use containrlab_domain::workspace::{Expected, WorkspacePath};
use containrlab_store::SessionRow;

use crate::Error;
use crate::extract::{Asker, JsonBody, QueryParams, own_session};
use crate::services::files;
use crate::state::App;
use crate::wire::{
    CreateFile, FileContent, FileItem, FileKind, FileList, FileQuery, RenameFile, VersionJson, WriteFile,
    WrittenFile,
};

/// All files of a session, or with `path` one text file with its content.
#[utoipa::path(
    get,
    path = "/api/files",
    tag = "files",
    params(FileQuery),
    responses(
        (status = 200, description = "The list, or with `path` the file", body = inline(ListOrFile))
    )
)]
pub(super) async fn read(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<FileQuery>,
) -> Result<Json<ListOrFile>, Error> {
    let session = session_of(&app, &asker, query.session).await?;
    let Some(path) = query.path else {
        let (tree, version) = files::tree(&app, &session).await?;
        return Ok(Json(ListOrFile::List(FileList::new(&tree, version, app.settings.workspace_limits))));
    };
    let path = WorkspacePath::new(path)?;
    let (entry, content) = files::read_text(&app, &session, &path).await?;
    Ok(Json(ListOrFile::File(FileContent { item: FileItem::new(&path, &entry), content })))
}

/// What `GET /api/files` answers.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum ListOrFile {
    /// Without `path`.
    List(FileList),
    /// With `path`.
    File(FileContent),
}

/// A file's bytes, to be saved elsewhere.
#[utoipa::path(
    get,
    path = "/api/files/raw",
    tag = "files",
    params(FileQuery),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>))
)]
pub(super) async fn raw(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<FileQuery>,
) -> Result<Response, Error> {
    let session = session_of(&app, &asker, query.session).await?;
    let path = path_of(query.path)?;
    let (_, bytes) = files::read(&app, &session, &path).await?;
    // What a learner wrote is never shown as a page of this site: it is a download, whatever it holds.
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
    ];
    Ok((headers, bytes).into_response())
}

/// Writes a text file, new or over an old one.
#[utoipa::path(
    put,
    path = "/api/files",
    tag = "files",
    params(FileQuery),
    request_body = WriteFile,
    responses((status = 200, body = WrittenFile))
)]
pub(super) async fn write(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<FileQuery>,
    JsonBody(body): JsonBody<WriteFile>,
) -> Result<Json<WrittenFile>, Error> {
    let session = session_of(&app, &asker, query.session).await?;
    let path = path_of(query.path)?;
    let expected = match body.expected_hash {
        Some(hash) => Expected::Content(BlobHash::try_from(hash)?),
        None => Expected::Anything,
    };
    let written =
        files::write(&app, &asker, &session, &path, body.content, expected, body.executable).await?;
    Ok(Json(WrittenFile { item: FileItem::new(&path, &written.entry), version: written.version }))
}

/// Makes a file or a folder where nothing is yet.
#[utoipa::path(
    post,
    path = "/api/files",
    tag = "files",
    params(FileQuery),
    request_body = CreateFile,
    responses(
        (status = 201, description = "The file; of a folder the version only", body = inline(FileOrVersion))
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<FileQuery>,
    JsonBody(body): JsonBody<CreateFile>,
) -> Result<(StatusCode, Json<FileOrVersion>), Error> {
    let session = session_of(&app, &asker, body.session.or(query.session)).await?;
    let path = path_of(body.path.or(query.path))?;
    let made = match body.kind {
        FileKind::Folder => FileOrVersion::Version(VersionJson {
            version: files::create_folder(&app, &asker, &session, path).await?,
        }),
        FileKind::File => {
            let executable = Some(body.executable);
            let written =
                files::write(&app, &asker, &session, &path, body.content, Expected::Nothing, executable)
                    .await?;
            FileOrVersion::File(WrittenFile {
                item: FileItem::new(&path, &written.entry),
                version: written.version,
            })
        }
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// What `POST /api/files` answers.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum FileOrVersion {
    /// Of a file.
    File(WrittenFile),
    /// Of a folder.
    Version(VersionJson),
}

/// Deletes a file, or a folder with all in it.
#[utoipa::path(
    delete,
    path = "/api/files",
    tag = "files",
    params(FileQuery),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn delete(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<FileQuery>,
) -> Result<StatusCode, Error> {
    let session = session_of(&app, &asker, query.session).await?;
    files::delete(&app, &asker, &session, path_of(query.path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Renames a file, or a folder with all in it.
#[utoipa::path(
    post,
    path = "/api/files/rename",
    tag = "files",
    params(FileQuery),
    request_body = RenameFile,
    responses((status = 200, body = VersionJson))
)]
pub(super) async fn rename(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<FileQuery>,
    JsonBody(body): JsonBody<RenameFile>,
) -> Result<Json<VersionJson>, Error> {
    let session = session_of(&app, &asker, body.session.or(query.session)).await?;
    let (from, to) = (WorkspacePath::new(body.from)?, WorkspacePath::new(body.to)?);
    let version = files::rename(&app, &asker, &session, from, to).await?;
    Ok(Json(VersionJson { version }))
}

async fn session_of(app: &App, asker: &Asker, session: Option<String>) -> Result<SessionRow, Error> {
    let text = session.ok_or_else(|| Error::UnfitQuery("session= is missing".to_owned()))?;
    own_session(app, asker, text.parse().map_err(|_| Error::NoSuchSession)?).await
}

fn path_of(path: Option<String>) -> Result<WorkspacePath, Error> {
    Ok(WorkspacePath::new(path.ok_or_else(|| Error::UnfitQuery("path= is missing".to_owned()))?)?)
}
