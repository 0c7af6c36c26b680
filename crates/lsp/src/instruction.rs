//! What the instructions are for, in a few words.

use lapstrake_parser::Keyword;

/// How an instruction is written.
pub(crate) const fn form(keyword: Keyword) -> &'static str {
    match keyword {
        Keyword::Add => "ADD [flags] source… destination",
        Keyword::Arg => "ARG name[=default]…",
        Keyword::Cmd => "CMD [\"program\", \"argument\"…]",
        Keyword::Copy => "COPY [flags] source… destination",
        Keyword::Entrypoint => "ENTRYPOINT [\"program\", \"argument\"…]",
        Keyword::Env => "ENV name=value…",
        Keyword::Expose => "EXPOSE port[/protocol]…",
        Keyword::From => "FROM [--platform=platform] image [AS name]",
        Keyword::Healthcheck => "HEALTHCHECK [flags] CMD command | NONE",
        Keyword::Label => "LABEL name=value…",
        Keyword::Maintainer => "MAINTAINER name",
        Keyword::Onbuild => "ONBUILD instruction",
        Keyword::Run => "RUN [flags] command",
        Keyword::Shell => "SHELL [\"program\", \"argument\"…]",
        Keyword::Stopsignal => "STOPSIGNAL signal",
        Keyword::User => "USER user[:group]",
        Keyword::Volume => "VOLUME path…",
        Keyword::Workdir => "WORKDIR path",
    }
}

/// What an instruction does.
pub(crate) const fn purpose(keyword: Keyword) -> &'static str {
    match keyword {
        Keyword::Add => {
            "Copies files into the image, as COPY does, and also fetches URLs and git repositories and \
             unpacks local archives. For plain files COPY says better what is meant."
        }
        Keyword::Arg => {
            "Declares a variable that `--build-arg` may set. In front of the first FROM it is for FROM \
             alone; a stage that repeats its name takes its value. It is not in the environment of the \
             finished image, but commands see it while the image is built, and history shows it: no \
             place for secrets."
        }
        Keyword::Cmd => {
            "What a container runs if nothing else is asked for, or the arguments of ENTRYPOINT. The \
             last one counts. As an array it is run as it is; as text, by the shell."
        }
        Keyword::Copy => {
            "Copies files of the context, of a stage or of an image into the image. With several \
             sources, or where the destination ends in `/`, that is a folder."
        }
        Keyword::Entrypoint => {
            "The program that a container is. CMD, or what stands behind the image's name, are its \
             arguments. As text it is run by the shell, and takes no arguments."
        }
        Keyword::Env => {
            "Sets variables of the environment, for the instructions that follow and for containers."
        }
        Keyword::Expose => {
            "Notes on which ports the program listens. It opens none: that is for whoever runs it."
        }
        Keyword::From => {
            "Starts a stage from an image, an earlier stage, or nothing (`scratch`). Only stages that \
             the target needs are built."
        }
        Keyword::Healthcheck => {
            "How to find out whether the program in a container still works: exit status 0 says so. \
             NONE takes away that of the base image."
        }
        Keyword::Label => "Adds labels to the image: names with values that tools read.",
        Keyword::Maintainer => "Out of use: write `LABEL org.opencontainers.image.authors=…`.",
        Keyword::Onbuild => {
            "Keeps an instruction for later: it is done when another image starts from this one, right \
             behind its FROM."
        }
        Keyword::Run => {
            "Runs a command while the image is built; what it writes becomes a layer. As text it goes to \
             the shell, as an array it is run as it is. A here-document is a script."
        }
        Keyword::Shell => {
            "The program that runs commands given as text, from here on and in the image."
        }
        Keyword::Stopsignal => "The signal that asks a container to end.",
        Keyword::User => {
            "As whom the following commands are run, and the program in a container. A name has to be in \
             the image's `/etc/passwd`; a number need not."
        }
        Keyword::Volume => {
            "Folders that containers keep outside of their own files. What a later instruction writes \
             there may be lost."
        }
        Keyword::Workdir => {
            "The working directory of what follows and of containers. It is made if it is missing; a \
             relative one starts from the one before."
        }
    }
}
